"""Introductions and header blocks as mail programs write them, language by language."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mailticket.quotation import new_part_of_html, new_part_of_text

INTRODUCTIONS: dict[str, str] = tomllib.loads(
    (Path(__file__).parents[1] / "messages/quotation/introductions.toml").read_text("utf-8")
)["introductions"]

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
@pytest.mark.parametrize("width", [55, 65, 76])
def test_a_wrapped_introduction_goes_whole(introduction: str, width: int) -> None:
    wrapped = wrap(introduction, width)
    cut = new_part_of_text(f"{NEW}\n\n{wrapped}\n\n{quoted(OLD)}\n")
    assert words(cut.kept) == words(NEW)


UNSURE = ("en mutt star", "zu in no table")
"""Without quote signs below, these might be the sender's own words."""
DATED = {
    name: introduction
    for name, introduction in INTRODUCTIONS.items()
    if name not in UNSURE and {"2026", ":04", "<"}.issubset(re.findall("2026|:04|<", introduction))
}


@pytest.mark.parametrize("introduction", DATED.values(), ids=DATED)
def test_an_introduction_that_tells_all_needs_no_quote_signs_below(introduction: str) -> None:
    cut = new_part_of_text(f"{NEW}\n\n{introduction}\n\n{OLD}\n")
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
