"""Introductions and header blocks as mail programs write them, language by language."""

from __future__ import annotations

import pytest

from mailticket.quotation import new_part_of_html, new_part_of_text

INTRODUCTIONS = {
    "en gmail": "On Tue, May 5, 2026 at 12:04 PM Ann Lee <ann@x.example> wrote:",
    "en gmail short": "On Tue, 5 May 2026, 12:04 Ann Lee, <ann@x.example> wrote:",
    "en apple": "On 5 May 2026, at 12:04, Ann Lee <ann@x.example> wrote:",
    "en apple us": "On May 5, 2026, at 12:04 PM, Ann Lee <ann@x.example> wrote:",
    "en thunderbird": "On 5/5/26 12:04 PM, Ann Lee wrote:",
    "en thunderbird iso": "On 2026-05-05 12:04, Ann Lee wrote:",
    "en evolution": "On Tue, 2026-05-05 at 12:04 +0200, Ann Lee wrote:",
    "en mutt": "On Tue, May 05, 2026 at 12:04:33PM +0200, Ann Lee wrote:",
    "en kmail": "On Tuesday, 5 May 2026 12:04:33 CEST Ann Lee wrote:",
    "en proton": "On Tuesday, May 5th, 2026 at 12:04 PM, Ann Lee <ann@x.example> wrote:",
    "en yahoo": "On Tuesday, May 5, 2026 at 12:04:33 PM GMT+2, Ann Lee <ann@x.example> wrote:",
    "en gnus": "Ann Lee <ann@x.example> writes:",
    "en notes": "Ann Lee/Berlin/Acme wrote on 05/05/2026 12:04:33 PM:",
    "en zoho": "---- On Tue, 05 May 2026 12:04:33 +0200 Ann Lee<ann@x.example> wrote ----",
    "en inotes": "-----ann@x.example wrote: -----",
    "en eudora": "At 5/5/2026 12:04 PM, you wrote:",
    "en horde": "Quoting Ann Lee <ann@x.example>:",
    "en date first": "2026/05/05 Ann Lee <ann@x.example>:",
    "en old gmail": "2026-05-05 12:04 GMT+02:00 Ann Lee <ann@x.example>:",
    "de gmail": "Am Di., 5. Mai 2026 um 12:04 Uhr schrieb Ann Lee <ann@x.example>:",
    "de inbox": "Ann Lee <ann@x.example> schrieb am Di., 5. Mai 2026 um 12:04 Uhr:",
    "de inbox short": "Ann Lee <ann@x.example> schrieb am Di., 5. Mai 2026, 12:04:",
    "de apple": "Am 05.05.2026 um 12:04 schrieb Ann Lee <ann@x.example>:",
    "de thunderbird": "Am 05.05.26 um 12:04 schrieb Ann Lee:",
    "de horde": "Zitat von Ann Lee <ann@x.example>:",
    "de notes": "Ann Lee/Berlin/Acme schrieb am 05.05.2026 12:04:33:",
    "fr gmail": "Le mar. 5 mai 2026 à 12:04, Ann Lee <ann@x.example> a écrit :",
    "fr apple": "Le 5 mai 2026 à 12:04, Ann Lee <ann@x.example> a écrit\u00a0:",
    "fr thunderbird": "Le 05/05/2026 à 12:04, Ann Lee a écrit\u202f:",
    "fr roundcube": "Le 2026-05-05 12:04, Ann Lee a écrit :",
    "es gmail": "El mar, 5 may 2026 a las 12:04, Ann Lee (<ann@x.example>) escribió:",
    "es apple": "El 5 may 2026, a las 12:04, Ann Lee <ann@x.example> escribió:",
    "es thunderbird": "El 5/5/26 a las 12:04, Ann Lee escribió:",
    "es old": "El martes, 5 de mayo de 2026, Ann Lee escribió:",
    "it gmail": "Il giorno mar 5 mag 2026 alle ore 12:04 Ann Lee <ann@x.example> ha scritto:",
    "it apple": "Il giorno 5 mag 2026, alle ore 12:04, Ann Lee <ann@x.example> ha scritto:",
    "it thunderbird": "Il 05/05/2026 12:04, Ann Lee ha scritto:",
    "it webmail": "Il 5 maggio 2026 alle 12.04 Ann Lee <ann@x.example> ha scritto:",
    "pt gmail br": "Em ter., 5 de mai. de 2026 às 12:04, Ann Lee <ann@x.example> escreveu:",
    "pt gmail pt": "Ann Lee <ann@x.example> escreveu no dia terça, 5/05/2026 à(s) 12:04:",
    "pt apple": "Em 5 de mai. de 2026, à(s) 12:04, Ann Lee <ann@x.example> escreveu:",
    "pt thunderbird": "Em 05/05/2026 12:04, Ann Lee escreveu:",
    "pt thunderbird pt": "Às 12:04 de 05/05/2026, Ann Lee escreveu:",
    "nl gmail": "Op di 5 mei 2026 om 12:04 schreef Ann Lee <ann@x.example>:",
    "nl apple": "Op 5 mei 2026, om 12:04 heeft Ann Lee <ann@x.example> het volgende geschreven:",
    "nl thunderbird": "Op 05-05-2026 om 12:04 schreef Ann Lee:",
    "nl inbox": "Op di 5 mei 2026 12:04 schreef Ann Lee <ann@x.example>:",
    "pl gmail": "wt., 5 maj 2026 o 12:04 Ann Lee <ann@x.example> napisał(a):",
    "pl apple": (
        "Wiadomość napisana przez Ann Lee <ann@x.example> w dniu 05.05.2026, o godz. 12:04:"
    ),
    "pl thunderbird": "W dniu 05.05.2026 o 12:04, Ann Lee pisze:",
    "pl roundcube": "W dniu 2026-05-05 12:04, Ann Lee napisał(a):",
    "pl onet": "Dnia 5 maja 2026 12:04 Ann Lee <ann@x.example> napisał(a):",
    "sv gmail": "Den tis 5 maj 2026 kl 12:04 skrev Ann Lee <ann@x.example>:",
    "sv apple": "5 maj 2026 kl. 12:04 skrev Ann Lee <ann@x.example>:",
    "sv thunderbird": "Den 2026-05-05 kl. 12:04, skrev Ann Lee:",
    "da gmail": "Den tir. 5. maj 2026 kl. 12.04 skrev Ann Lee <ann@x.example>:",
    "da apple": "Den 5. maj 2026 kl. 12.04 skrev Ann Lee <ann@x.example>:",
    "da thunderbird": "Den 05.05.2026 kl. 12.04 skrev Ann Lee:",
    "nb gmail": "tir. 5. mai 2026 kl. 12:04 skrev Ann Lee <ann@x.example>:",
    "nb apple": "5. mai 2026 kl. 12:04 skrev Ann Lee <ann@x.example>:",
    "nb thunderbird": "Den 05.05.2026 12:04, skrev Ann Lee:",
    "fi gmail": "ti 5. toukok. 2026 klo 12.04 Ann Lee (ann@x.example) kirjoitti:",
    "fi apple": "Ann Lee <ann@x.example> kirjoitti 5.5.2026 kello 12.04:",
    "fi thunderbird": "Ann Lee kirjoitti 5.5.2026 klo 12.04:",
    "cs gmail": "út 5. 5. 2026 v 12:04 odesílatel Ann Lee <ann@x.example> napsal:",
    "cs apple": "5. 5. 2026 v 12:04, Ann Lee <ann@x.example>:",
    "cs thunderbird": "Dne 05. 05. 26 v 12:04 Ann Lee napsal(a):",
    "sk gmail": "ut 5. 5. 2026 o 12:04 Ann Lee <ann@x.example> napísal(a):",
    "hu gmail": "Ann Lee <ann@x.example> ezt írta (időpont: 2026. máj. 5., K, 12:04):",
    "hu thunderbird": "2026. 05. 05. 12:04 keltezéssel, Ann Lee írta:",
    "ro gmail": "mar., 5 mai 2026 la 12:04, Ann Lee <ann@x.example> a scris:",
    "ro thunderbird": "Pe 05.05.2026 12:04, Ann Lee a scris:",
    "ru gmail": "вт, 5 мая 2026 г. в 12:04, Ann Lee <ann@x.example>:",
    "ru gmail new": "вт, 5 мая 2026\u202fг. в 12:04, Ann Lee <ann@x.example>:",
    "ru apple": "5 мая 2026 г., в 12:04, Ann Lee <ann@x.example> написал(а):",
    "ru thunderbird": "05.05.2026 12:04, Ann Lee пишет:",
    "ru yandex": '05.05.2026, 12:04, "Ann Lee" <ann@x.example>:',
    "ru mail.ru": "Вторник, 5 мая 2026, 12:04 +03:00 от Ann Lee <ann@x.example>:",
    "ru mail.ru old": "Tue, 5 May 2026 12:04:51 +0400 от Ann Lee <ann@x.example>:",
    "uk gmail": "вт, 5 трав. 2026 р. о 12:04 Ann Lee <ann@x.example> пише:",
    "uk ukr.net": '5 травня 2026, 12:04:33, від "Ann Lee" <ann@x.example>:',
    "bg gmail": "На вт, 5.05.2026 г. в 12:04 Ann Lee <ann@x.example> написа:",
    "sr gmail": "уто, 5. мај 2026. у 12:04 Ann Lee <ann@x.example> је написао/ла:",
    "hr gmail": "uto, 5. svi 2026. u 12:04 Ann Lee <ann@x.example> napisao je:",
    "sl gmail": "V tor., 5. maj 2026 ob 12:04 je oseba Ann Lee <ann@x.example> napisala:",
    "tr gmail": "Ann Lee <ann@x.example>, 5 May 2026 Sal, 12:04 tarihinde şunu yazdı:",
    "tr thunderbird": "5.05.2026 12:04 tarihinde Ann Lee yazdı:",
    "el gmail": "Στις Τρί 5 Μαΐ 2026 στις 12:04 μ.μ., ο/η Ann Lee <ann@x.example> έγραψε:",
    "lt gmail": "2026-05-05, an, 12:04 Ann Lee <ann@x.example> rašė:",
    "lv gmail": (
        "otrd., 2026. g. 5. maijs, plkst. 12:04 — lietotājs Ann Lee (<ann@x.example>) rakstīja:"
    ),
    "et gmail": "Kontakt Ann Lee (<ann@x.example>) kirjutas kuupäeval T, 5. mai 2026 kell 12:04:",
    "ca gmail": "Missatge de Ann Lee <ann@x.example> del dia dt., 5 de maig 2026 a les 12:04:",
    "zh-cn gmail": "Ann Lee <ann@x.example> 于2026年5月5日周二 12:04写道：",
    "zh-cn apple": "在 2026年5月5日，下午12:04，Ann Lee <ann@x.example> 写道：",
    "zh-cn 163": '在 2026-05-05 12:04:33，"Ann Lee" <ann@x.example> 写道：',
    "zh-tw gmail": "Ann Lee <ann@x.example> 於 2026年5月5日 週二 下午12:04寫道：",
    "ja gmail": "2026年5月5日(火) 12:04 Ann Lee <ann@x.example>:",
    "ja apple": "2026/05/05 12:04、Ann Lee <ann@x.example>のメール:",
    "ja thunderbird": "On 2026/05/05 12:04, Ann Lee wrote:",
    "ko gmail": "2026년 5월 5일 (화) 오후 12:04, Ann Lee <ann@x.example>님이 작성:",
    "ko apple": "2026. 5. 5. 오후 12:04, Ann Lee <ann@x.example> 작성:",
    "ar gmail": (
        "في الثلاثاء، 5 مايو 2026 في 12:04 م تمت كتابة ما يلي بواسطة Ann Lee <ann@x.example>:"
    ),
    "he gmail": (
        "\u202bבתאריך יום ג׳, 5 במאי 2026 ב-12:04 מאת \u202aAnn Lee\u202c\u200f "
        "<\u202aann@x.example\u202c\u200f>:\u202c"
    ),
    "fa gmail": "در تاریخ سه‌شنبه ۵ مهٔ ۲۰۲۶، ۱۲:۰۴ Ann Lee <ann@x.example> نوشت:",
    "vi gmail": "Vào Th 3, 5 thg 5, 2026 vào lúc 12:04 Ann Lee <ann@x.example> đã viết:",
    "id gmail": "Pada tanggal Sel, 5 Mei 2026 pukul 12.04 Ann Lee <ann@x.example> menulis:",
    "th gmail": "ในวันที่ อ. 5 พ.ค. 2026 เวลา 12:04 Ann Lee <ann@x.example> เขียนว่า:",
    "is gmail": "Þann þri., 5. maí 2026 kl. 12:04 skrifaði Ann Lee <ann@x.example>:",
}

HEADER_BLOCKS = {
    "en": ("From:", "Sent:", "To:", "Subject:"),
    "en mac": ("From:", "Date:", "To:", "Subject:"),
    "fr": ("De :", "Envoyé :", "À :", "Objet :"),
    "fr old": ("De :", "Date d'envoi :", "À :", "Objet :"),
    "fr sender": ("Expéditeur:", "Date:", "À:", "Objet:"),
    "de": ("Von:", "Gesendet:", "An:", "Betreff:"),
    "de mac": ("Von:", "Datum:", "An:", "Betreff:"),
    "es": ("De:", "Enviado el:", "Para:", "Asunto:"),
    "es owa": ("De:", "Enviado:", "Para:", "Asunto:"),
    "es mac": ("De:", "Fecha:", "Para:", "Asunto:"),
    "it": ("Da:", "Inviato:", "A:", "Oggetto:"),
    "it mac": ("Da:", "Data:", "A:", "Oggetto:"),
    "pt": ("De:", "Enviada em:", "Para:", "Assunto:"),
    "pt owa": ("De:", "Enviado:", "Para:", "Assunto:"),
    "pt mac": ("De:", "Data:", "Para:", "Assunto:"),
    "nl": ("Van:", "Verzonden:", "Aan:", "Onderwerp:"),
    "nl mac": ("Van:", "Datum:", "Aan:", "Onderwerp:"),
    "pl": ("Od:", "Wysłano:", "Do:", "Temat:"),
    "pl mac": ("Od:", "Data:", "Do:", "Temat:"),
    "sv": ("Från:", "Skickat:", "Till:", "Ämne:"),
    "da": ("Fra:", "Sendt:", "Til:", "Emne:"),
    "nb": ("Fra:", "Sendt:", "Til:", "Emne:"),
    "fi": ("Lähettäjä:", "Lähetetty:", "Vastaanottaja:", "Aihe:"),
    "cs": ("Od:", "Odesláno:", "Komu:", "Předmět:"),
    "sk": ("Od:", "Odoslané:", "Komu:", "Predmet:"),
    "hu": ("Feladó:", "Elküldve:", "Címzett:", "Tárgy:"),
    "ro": ("De la:", "Trimis:", "Către:", "Subiect:"),
    "ru": ("От:", "Отправлено:", "Кому:", "Тема:"),
    "uk": ("Від:", "Надіслано:", "Кому:", "Тема:"),
    "bg": ("От:", "Изпратено:", "До:", "Относно:"),
    "hr": ("Šalje:", "Poslano:", "Prima:", "Predmet:"),
    "sl": ("Od:", "Poslano:", "Za:", "Zadeva:"),
    "tr": ("Kimden:", "Gönderildi:", "Kime:", "Konu:"),
    "el": ("Από:", "Στάλθηκε:", "Προς:", "Θέμα:"),
    "et": ("Saatja:", "Saadetud:", "Adressaat:", "Teema:"),
    "lt": ("Nuo:", "Išsiųsta:", "Kam:", "Tema:"),
    "lv": ("No:", "Nosūtīts:", "Kam:", "Temats:"),
    "ca": ("De:", "Enviat el:", "Per a:", "Assumpte:"),
    "zh-cn": ("发件人：", "发送时间：", "收件人：", "主题："),
    "zh-tw": ("寄件者：", "寄件日期：", "收件者：", "主旨："),
    "ja": ("差出人:", "送信日時:", "宛先:", "件名:"),
    "ja mac": ("差出人:", "日付:", "宛先:", "件名:"),
    "ko": ("보낸 사람:", "보낸 날짜:", "받는 사람:", "제목:"),
    "ar": ("من:", "تاريخ الإرسال:", "إلى:", "الموضوع:"),
    "he": ("מאת:", "נשלח:", "אל:", "נושא:"),
    "vi": ("Từ:", "Đã gửi:", "Đến:", "Chủ đề:"),
}

ORIGINAL_MESSAGES = {
    "en": "-----Original Message-----",
    "en samsung": "-------- Original message --------",
    "en proton": "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐",
    "en reply": "----- Reply message -----",
    "fr": "-----Message d'origine-----",
    "fr typographic": "-------- Message d’origine --------",
    "de": "-----Ursprüngliche Nachricht-----",
    "de gmx": "-------- Original-Nachricht --------",
    "es": "-----Mensaje original-----",
    "it": "-----Messaggio originale-----",
    "pt": "-----Mensagem original-----",
    "nl": "-----Oorspronkelijk bericht-----",
    "pl": "-----Oryginalna wiadomość-----",
    "sv": "-----Ursprungligt meddelande-----",
    "da": "-----Oprindelig meddelelse-----",
    "nb": "-----Opprinnelig melding-----",
    "fi": "-----Alkuperäinen viesti-----",
    "cs": "-----Původní zpráva-----",
    "hu": "-----Eredeti üzenet-----",
    "ru": "-----Исходное сообщение-----",
    "tr": "-----Özgün İleti-----",
    "el": "-----Αρχικό μήνυμα-----",
    "zh": "------------------ 原始邮件 ------------------",
    "ja": "-----元のメッセージ-----",
    "ko": "-----원본 메시지-----",
}

NEW = "Hello team,\n\nit works again. Thank you!\n\n-- \nBob Day\nTel. 555-123"
OLD = "Dear Bob,\n\nplease try again.\n\nAnn"


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_an_introduction_goes_with_the_quote_below_it(introduction: str) -> None:
    cut = new_part_of_text(f"{NEW}\n\n{introduction}\n\n{quoted(OLD)}\n")
    assert words(cut.kept) == words(NEW)
    assert introduction in cut.cut


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_an_introduction_above_and_an_answer_below_leave_the_answer(introduction: str) -> None:
    cut = new_part_of_text(f"{introduction}\n{quoted(OLD)}\n\n{NEW}\n")
    assert words(cut.kept) == words(NEW)


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
@pytest.mark.parametrize("width", [60, 76])
def test_a_wrapped_introduction_goes_whole(introduction: str, width: int) -> None:
    wrapped = wrap(introduction, width)
    cut = new_part_of_text(f"{NEW}\n\n{wrapped}\n\n{quoted(OLD)}\n")
    assert words(cut.kept) == words(NEW)


def wrap(text: str, width: int) -> str:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_an_introduction_in_html_goes_with_the_blockquote(introduction: str) -> None:
    escaped = introduction.replace("<", "&lt;").replace(">", "&gt;")
    cut = new_part_of_html(
        f"<div>Hello team,<br>it <b>works</b>.</div><div><br></div><div>{escaped}</div>"
        f"<blockquote type=cite><p>Dear Bob,</p><p>please try.</p></blockquote>"
    )
    assert "works" in cut.kept
    assert "ann" not in cut.kept.lower()
    assert "12" not in cut.kept
    assert "please try" not in cut.kept
    assert "please try" in cut.cut


def header_block(labels: tuple[str, ...], line: str = "{} {}\n") -> str:
    values = (
        "Ann Lee <ann@x.example>",
        "5. 5. 2026 12:04",
        "Help Desk <help@x.example>; Carl <c@x.example>",
        "Printer: out of paper",
    )
    return "".join(line.format(*pair) for pair in zip(labels, values, strict=True))


@pytest.mark.parametrize("labels", HEADER_BLOCKS.values(), ids=HEADER_BLOCKS)
@pytest.mark.parametrize("above", ["", "_" * 32 + "\n", "-----Original Message-----\n"])
def test_a_header_block_and_all_below_go(labels: tuple[str, ...], above: str) -> None:
    cut = new_part_of_text(f"{NEW}\n\n{above}{header_block(labels)}\n{OLD}\n")
    assert words(cut.kept) == words(NEW)
    assert "please try again." in cut.cut


@pytest.mark.parametrize("labels", HEADER_BLOCKS.values(), ids=HEADER_BLOCKS)
def test_a_starred_header_block_goes(labels: tuple[str, ...]) -> None:
    block = header_block(labels, "*{}* {}\n")
    cut = new_part_of_text(f"{NEW}\n\n{block}\n{OLD}\n")
    assert words(cut.kept) == words(NEW)


@pytest.mark.parametrize("labels", HEADER_BLOCKS.values(), ids=HEADER_BLOCKS)
def test_outlooks_header_block_in_html_goes_with_all_below(labels: tuple[str, ...]) -> None:
    block = header_block(labels, "<b>{}</b> {}<br>\n").replace("<ann@", "&lt;ann@")
    cut = new_part_of_html(
        "<div class=WordSection1><p class=MsoNormal>It works.<o:p></o:p></p>"
        "<p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid"
        f" #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>{block}</p></div></div>"
        "<p class=MsoNormal>Dear Bob,</p><p class=MsoNormal>please try.</p></div>"
    )
    assert "It works." in cut.kept
    assert "x.example" not in cut.kept
    assert "try" not in cut.kept


@pytest.mark.parametrize("line", ORIGINAL_MESSAGES.values(), ids=ORIGINAL_MESSAGES)
def test_the_words_original_message_and_all_below_go(line: str) -> None:
    cut = new_part_of_text(f"{NEW}\n\n{line}\n{OLD}\n")
    assert words(cut.kept) == words(NEW)
