"""What mail programs write around a quoted message, in the languages that they speak.

Tables only. Every entry is compared with a line that ``quotation_marks.plain`` has made lower-case
and NFKC, so that full-width colons and typographic variants need no entries of their own.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["from", "sent", "date", "to", "cc", "subject", "other"]

_LABELS: dict[Kind, str] = {
    "from": (
        "from|de|von|da|van|od|från|fra|lähettäjä|feladó|de la|от|от кого|від|від кого|kimden"
        "|gönderen|από|发件人|發件人|寄件者|寄件人|差出人|送信元|送信者"
        "|보낸 사람|보낸사람|발신인|من|المرسل"
        "|מאת|expéditeur|absender|remitente|mittente|remetente|afzender|nadawca|avsändare|afsender"
        "|avsender|odesílatel|odesilatel|odosielateľ|expeditor|отправитель|відправник|подател"
        "|pošiljatelj|pošiljalec|šalje|saatja|kellelt|nuo|no|dari|từ|จาก|frá|از|nga|од|auteur"
    ),
    # Words that nobody but a mail program puts before a colon: weighty evidence.
    "sent": (
        "sent|envoyé|envoyé le|date d'envoi|date d’envoi|gesendet|gesendet am|enviado|enviado el"
        "|enviado em|enviada|enviada em|enviada el|fecha de envío|data de envio|data invio|inviato"
        "|inviato il|inviata|verzonden|verstuurd|verzonden op|wysłano|wysłane|data wysłania|skickat"
        "|skickades|sendt|lähetetty|odesláno|odoslané|odoslal|poslané|elküldve|küldve|küldés dátuma"
        "|trimis|trimisă|отправлено|дата отправки|надіслано|відправлено|изпратено|gönderildi"
        "|gönderilme tarihi|gönderme tarihi|gönderim tarihi|στάλθηκε|εστάλη|απεστάλη|发送时间"
        "|發送時間|发送日期|寄件日期|傳送時間|送信日時|送信日|보낸 날짜|보낸날짜|보낸 시간|발신일"
        "|تاريخ الإرسال|أرسلت|تم الإرسال|أُرسلت|נשלח|poslano|poslato|poslao|saadetud|išsiųsta"
        "|nosūtīts|enviat|enviat el|dikirim|đã gửi|ส่ง|ส่งเมื่อ|sent on|sent at|date sent|sendt den"
    ),
    "date": (
        "date|datum|fecha|data|dato|päivämäärä|päiväys|pvm|dátum"
        "|дата|tarih|ημερομηνία|日期|寄送日期"
        "|时间|時間|日時|日付|날짜|التاريخ|تاريخ|תאריך|kuupäev|datums"
        "|dagsetning|tanggal|ngày|วันที่"
        "|датум|время|dag"
    ),
    "to": (
        "to|à|a|an|para|aan|do|till|til|vastaanottaja|komu|pre|címzett|către|catre|кому|kime|alıcı"
        "|προς|收件人|收件者|宛先|받는 사람|받는사람|수신인|수신|إلى|الى|אל"
        "|za|prima|kome|до|adressaat"
        "|kellele|kam|kepada|đến|ถึง|destinataire|empfänger|destinatario|destinatário|ontvanger"
        "|adresat|odbiorca|mottagare|modtager|mottaker|příjemce|príjemca|получатель|отримувач|pour"
        "|per|per a|برای|към|viðtakandi"
    ),
    "cc": (
        "cc|copie|copie à|kopie|kopie an|copia|cópia|con copia|com cópia|dw|udw|kopia|kopi|kópia"
        "|kopio|másolatot kap|másolat|копия|копія|bilgi|κοιν|κοινοποίηση|抄送|副本|참조|نسخة"
        "|نسخة إلى|עותק|bcc|cci|cco|ccn|bcc an|dk|skrytá kopie|kp|ks|копие|cc to"
    ),
    "subject": (
        "subject|objet|sujet|betreff|asunto|oggetto|ogg|assunto|onderwerp|temat|ämne|emne|aihe|otsikko"
        "|předmět|predmet|tárgy|subiect|subiectul|тема|относно|konu|θέμα|主题|主旨|主題|標題|件名"
        "|제목|الموضوع|נושא|zadeva|teema|tema|temats|assumpte|subjek|chủ đề|เรื่อง|efni|naslov"
        "|предмет|موضوع|perihal|titre|subject line|thema"
    ),
    "other": (
        "reply-to|reply to|importance|priority|sensitivity|attachments|attachment|répondre à"
        "|pièces jointes|pièce jointe|antwort an|wichtigkeit|priorität|anlagen|anhang"
        "|responder a|importancia|prioridad|datos adjuntos|adjuntos|rispondi a|risposta|priorità"
        "|importanza|allegati|responder para|importância|prioridade"
        "|anexos|antwoorden aan|prioriteit"
        "|bijlagen|urgentie|odpowiedz do|ważność|załączniki|svar till"
        "|prioritet|bifogade filer|svar til"
        "|vedhæftede filer|vedlegg|tärkeys|liitteet|důležitost|přílohy|dôležitosť|prílohy|fontosság"
        "|mellékletek|importanță|atașări|важность|вложения"
        "|важливість|вкладення|önem|ekler|重要性|附件"
        "|添付ファイル|重要度|중요도|첨부파일|categories|organization|organisation|on behalf of"
        "|signed by|resent-from|resent-to"
    ),
}

LABELS: dict[str, Kind] = {
    label: kind for kind, labels in _LABELS.items() for label in labels.split("|")
}
"""Lower-case label without its colon → what it introduces."""

WROTE = (
    "wrote|writes|has written",
    "a écrit|a ecrit|ont écrit|écrivait|écrit",
    "schrieb|schrieben|hat geschrieben|geschrieben|folgendes geschrieben|schreibt",
    "escribió|escribio|ha escrito|escribiste",
    "ha scritto|scrisse|scritto|scrive",
    "escreveu|escreveram|escreve",
    "schreef|heeft het volgende geschreven|het volgende geschreven",
    r"napisał\(a\)|napisał|napisała|napisali|pisze",
    "skrev|skreiv|skrifaði",
    "kirjoitti",
    r"napsal\(a\)|napsal|napsala|napísal\(a\)|napísal|napísala|píše",
    "ezt írta|írta",
    "a scris|scria",
    r"написал\(а\)|написал|написала|писал|писала|писали|пишет|написав|пише|написа",
    r"је написао|је написала",
    r"je napisao|je napisala|je napisao/la|napisao je|napisala je|je napisal\(a\)|je napisal",
    "je oseba",
    "yazdı|şunu yazdı|şunları yazdı|yazmış",
    "έγραψε|έγραψες",
    "kirjutas|rakstīja|rašė|va escriure|ha escrit|idatzi du|shkroi|đã viết|menulis|schreift",
    "schrëft|tulis|missatge de|напиша|піша|напісаў|написав\\(ла\\)|жазды|бичсэн|գրել է|წერდა",
    "hau idatzi zuen|idatzi zuen|ysgrifennodd|geskryf|isinulat|aliandika|scríobh|escribiu|ubhale",
    "yazıb|yozdi|en deus skrivet|sgrìobh|i shkruar",
    "said the following|excerpts from|quoting|zitat von|citando|citát od|citation de|cytowanie",
    "wiadomość napisana przez|napisana",
)
"""Alternatives for "wrote", of scripts that part words with spaces."""

WROTE_UNSPACED = (
    "写道|寫道|写到|来信|書きました|書いた|のメール|のメッセージ"
    "|ने लिखा|लेख्नुभयो|यांनी लिहिले|লিখেছেন|ਨੇ ਲਿਖਿਆ|લખ્યું|எழுதியது|రాశారు|ಬರೆದಿದ್ದಾರೆ|എഴുതി|نے لکھا"
    "|이\\(가\\) 작성|님이 작성|작성|님이 씀|씀"
    "|كتب|كتبت|תמת כתיבה|تمت كتابة|كتب ما يلي|כתב|כתבה|نوشت|เขียนว่า|เขียน"
)
"""The same where no space stands before or after."""

OPENINGS = (
    "on|at|le|am|el|il|em|op|dnia|w dniu|den|dne|dňa|pe|în|in|în data de|la|στις|την|a|à|vào|pada"
    "|pada tanggal|ngày|le|dia|el dia|na|v|u|dana|kuupäeval|الساعة|في|بتاريخ|בתאריך|ב-|در|در تاریخ"
    "|在|于|於|ในวันที่|missatge de|kontakt|il giorno|el día|no dia|am um"
    "|às|as|vào lúc|þann|на|во|ar|noong|tarehe|më|เมื่อวันที่|у|ў|am|op die|kl|klo"
)
"""First words of "On <date>, <name> wrote:"."""

CAPITAL_OPENINGS = (
    "On|Am|Le|El|Il|Il giorno|Em|Op|Den|Dne|Dnia|W dniu|Pe|Στις|Vào|Pada|Missatge de|On the"
)
"""The same as a program writes them, behind words that it did not part from them."""

WEEKDAYS_AND_MONTHS = (
    "mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    "|lun|mar|mer|jeu|ven|sam|dim|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    "|mo|di|mi|do|fr|sa|so|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag"
    "|mié|mie|jue|vie|sáb|sab|dom|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    "|gio|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica"
    "|seg|ter|qua|qui|sex|segunda|terça|quarta|quinta|sexta|segunda-feira|terça-feira"
    "|quarta-feira|quinta-feira|sexta-feira"
    "|ma|wo|vr|za|zo|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag"
    "|pon|pn|wt|śr|czw|pt|sob|ndz|nd|niedz|poniedziałek|wtorek|środa"
    "|czwartek|piątek|sobota|niedziela"
    "|mån|tis|ons|tors|tor|fre|lör|sön|måndag|tisdag|onsdag|torsdag|fredag|lördag|söndag"
    "|man|tir|lør|søn|mandag|tirsdag|lørdag|søndag"
    "|ti|ke|to|pe|la|su|maanantai|tiistai|keskiviikko|torstai|perjantai|lauantai|sunnuntai"
    "|po|út|st|čt|pá|ne|ut|št|pi|h|k|sze|cs|p|szo|v|lu|joi|vin|sâm|dum|luni|marți|miercuri|vineri"
    "|пн|вт|ср|чт|пт|сб|вс|нд|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье"
    "|понеділок|вівторок|середа|пʼятниця|п'ятниця|субота|неділя"
    "|pzt|sal|çar|per|cum|cmt|paz|δευ|τρί|τετ|πέμ|παρ|σάβ|κυρ|uto|sri|čet|pet|sub|ned|tor|sre"
    "|dl|dt|dc|dj|dv|ds|dg|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|january|february|march"
    "|april|june|july|august|september|october|november|december"
)
"""First words of an introduction that begins with its date."""

FIRST_PERSON = (
    r"I|me|my|we|us|our|ich|mir|mich|meine?[mnrs]?|wir|uns|unsere?[mnrs]?|je|j'ai|j’ai|m'a|m’a|moi"
    r"|mon|nous|notre|yo|mi|he|hemos|nos|nosotros|nuestr[oa]|io|ho|mio|mia|noi|nostr[oa]|eu|meu"
    r"|minha|nosso|nossa|ik|mij|mijn|wij|ons|onze|ja|mnie|mój|nam|nasz\w*|jag|mig|min|jeg|meg|vi|oss"
    r"|[Yy]ou|[Yy]our|[Vv]ous|[Vv]otre|usted|você|jij|[Вв]ы|[Яя]|[Мм]ы"
)
"""Who tells of himself, or speaks to the reader, introduces his own words; case counts."""

ORIGINAL_MESSAGE = (
    "original message|original email|original appointment|reply message|originalmessage"
    "|message d'origine|message d’origine|message original|message initial|mail original"
    "|e-mail original|courriel original|message originel"
    "|ursprüngliche nachricht|original-nachricht|originalnachricht|ursprüngliche mail"
    "|original nachricht|antwort nachricht|ursprüngliche e-mail"
    "|ursprünglicher termin|mensaje original"
    "|mensaje de origen|messaggio originale|messaggio original|mensagem original"
    "|oorspronkelijk bericht|origineel bericht|oorspronkelijke bericht|oryginalna wiadomość"
    "|wiadomość oryginalna|oryginalny list|wiadomość pierwotna|ursprungligt meddelande"
    "|originalmeddelande|ursprungligt mail|oprindelig meddelelse|oprindelig besked"
    "|original meddelelse|opprinnelig melding|opprinnelig e-post|alkuperäinen viesti"
    "|původní zpráva|původní e-mail|pôvodná správa|eredeti üzenet|eredeti levél|mesaj original"
    "|mesajul original|mesajul inițial|исходное сообщение|оригинальное сообщение"
    "|первоначальное сообщение|вихідне повідомлення|початкове повідомлення"
    "|оригінальне повідомлення|оригинално съобщение|özgün ileti|orijinal mesaj|orijinal ileti"
    "|αρχικό μήνυμα|原始邮件|原始郵件|郵件原件|邮件原件|原邮件|原始信件|元のメッセージ|元のメール"
    "|원본 메시지|원본 메일|원본메일|الرسالة الأصلية|رسالة أصلية|הודעה מקורית|izvorna poruka"
    "|originalna poruka|izvirno sporočilo|algne kiri|pradinis laiškas|sākotnējā ziņa"
    "|missatge original|thư gốc|pesan asli|ข้อความต้นฉบับ"
)
"""What stands between dashes above the older message of a reply."""

FORWARDED_MESSAGE = (
    "forwarded message|begin forwarded message|forwarded email"
    "|forwarded by|start of forwarded message"
    "|message transféré|début du message transféré|début du message réexpédié|message réexpédié"
    "|weitergeleitete nachricht|anfang der weitergeleiteten nachricht|weitergeleitete e-mail"
    "|weitergeleitet von|beginn der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail"
    "|mensaje reenviado|inicio del mensaje reenviado|messaggio inoltrato|inizio messaggio inoltrato"
    "|mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada"
    "|início da mensagem reencaminhada|doorgestuurd bericht|begin doorgestuurd bericht"
    "|begin van doorgestuurd bericht|przekazana wiadomość|podana dalej wiadomość"
    "|treść przekazanej wiadomości|wiadomość przekazana|początek przekazywanej wiadomości"
    "|początek przekazanej wiadomości|vidarebefordrat meddelande|vidarebefordrat brev"
    "|vidarebefordrat mejl|vidarebefordrad|videresendt besked|videresendt meddelelse"
    "|start på videresendt besked|videresendt melding|start på videresendt melding"
    "|edelleenlähetetty viesti|välitetty viesti|välitetty viesti alkaa|přeposlaná zpráva"
    "|začátek přeposílané zprávy|začátek přeposlané zprávy|preposlaná správa"
    "|začiatok preposlanej správy|továbbított üzenet|továbbított levél kezdete"
    "|továbbított levél|mesaj redirecționat|mesaj trimis mai departe|mesaj redirectionat"
    "|început mesaj redirecționat|пересылаемое сообщение|пересланное сообщение"
    "|перенаправленное сообщение|начало переадресованного сообщения|начало пересылаемого сообщения"
    "|пересланий лист|переслане повідомлення|пересилане повідомлення"
    "|початок листа, що пересилається|yönlendirilen ileti|yönlendirilen mesaj|iletilmiş mesaj"
    "|iletilen ileti başlangıcı|iletilen ileti|προωθημένο μήνυμα|αρχή προωθημένου μηνύματος"
    "|转发的邮件|转发邮件|轉寄郵件|转发的消息|转发邮件信息|開始轉寄郵件|开始转发的邮件|轉寄的郵件"
    "|轉寄者|転送されたメッセージ|転送メッセージ|転送されたメール|전달된 메일|전달된 메시지"
    "|전달된 메시지 시작|رسالة معاد توجيهها|رسالة مُعاد توجيهها|הודעה שהועברה|הודעה מועברת"
    "|proslijeđena poruka|posredovano sporočilo|препратено съобщение|missatge reenviat"
    "|započni proslijeđenu poruku|începe mesajul redirecționat|ileti başlangıcı|message transmis"
    "|перенаправлене повідомлення|メッセージを転送|wiadomość przesłana dalej"
    "|edastatud kiri|persiųstas laiškas|pārsūtīta ziņa|pesan terusan|thư chuyển tiếp"
)
"""What stands between dashes, or before a colon, above a message that is passed on."""

FORWARD_SUBJECT = (
    "fw|fwd|forward|forwarded|tr|wg|weitergeleitet|rv|reenv|i|inoltro"
    "|enc|res-enc|fs|doorst|pd|podaj"
    "|vb|vl|vid|továbbítás|tovább|továbbítva|пересл|перенаправлено|пнр|илт|ilt|iletilen|πρθ|προωθ"
    "|转发|轉寄|转寄|轉發|転送|전달|إعادة توجيه|הועבר|fv|prosl|tvs|redir|videresend"
    "|rinoltro|nl-doorst"
)
"""Prefixes of a forwarded mail's subject, without the colon ("VS" is a reply in Finnish)."""

FORWARD_OR_ANSWER_SUBJECT = "vs"
"""Forwarded in Danish and Norwegian, answered in Finnish: only a header block tells."""
