"""The words of mail servers: what delivery reports and automatic answers say, in many languages.

No pattern here decides alone; ``bounces.py`` says which of them count together.
"""

from __future__ import annotations

import re

SUBJECT = re.compile(
    r"(?:(?:notice|warning|error|mail|message|e-?mail|messaging)\b.{0,30})?"
    r"(?:undeliver|not\W+deliver|un\W?deliver"
    r"|deliver\w*.{0,30}(?:fail|error|problem|status|notif|report|delay|unsuccess|warning|return)"
    r"|(?:fail\w*|error\w*|problem\w*).{0,20}deliver|failed mail|mail failure|delayed mail"
    r"|return(?:ed|ing)\b.{0,30}(?:mail|message|sender)"
    r"|(?:automatically )?rejected (?:mail|message)"
    r"|(?:failure|failed) notice|could(?: not|n't) (?:be )?(?:sen[dt]|deliver)"
    r"|(?:there was an )?error sending your"
    r"|non.?deliver|loop alert|message delayed"
    r"|bounced? (?:e?mail|message|action)|mail (?:system )?error|message status|unzustellbar"
    r"|(?:nicht|un).{0,10}zu(?:ge)?stell|(?:mail)?zustellung fehlgeschlagen|zustell(?:ungs)?fehler"
    r"|non remis|(?:échec|echec) de (?:la )?(?:remise|distribution)|n'a pas pu être remis"
    r"|mancato recapito|mancata consegna|non recapitabile"
    r"|no (?:se )?(?:pud?o |puede )?entrega|no entregado|não entregue|não é possível entregar"
    r"|niedostarczon|nie dostarczono|nie można dostarczyć|onbestelbaar|kan niet worden bezorgd"
    r"|(?:kan )?ikke lever|kunde inte levereras|det går inte att leverera|kan inte levereras"
    r"|olevererbar|ei voi toimittaa|kézbesíthetetlen|imposibil de livrat"
    r"|nedoručit|nelze doručit|teslim edilemedi"
    r"|не (?:может быть |удается )?достав|недоставлен"
    r"|(?:メール)?エラー通知|メール配信に失敗|(?:メッセージを)?配信(?:できません|エラー|不能)|未送信"
    r"|退信|系统退信|投递失败|无法送达|未送达|투고|배달 실패|배달되지)",
    re.IGNORECASE,
)
"""Searched for at the beginning of a subject."""
TAG = re.compile(r"^\s{0,9}\[[^\]]{1,40}\]")
"""What gateways and lists put before a subject."""
AWS_SUBJECT = re.compile(r"aws notification message", re.IGNORECASE)
SYSTEM = re.compile(
    r"no-?reply|do-?not-?reply|mail.?admin|admin@|-admin@|exchange|\bndr@"
    r"|mail ?(?:delivery|gateway|system)|daemon|post_?master|bounce|smtp_?gateway"
    r"|mail.?(?:scan|sweep)|interscan",
    re.IGNORECASE,
)
"""In a From: nobody's name, though a shop may write under it, too."""
PHRASE = re.compile(
    r"(?:could|can|was|were|has|have|did|is|are)(?:n't|not| not)?(?: not)? (?:be(?:en)? )?"
    r"(?:un)?deliver(?:ed|able)?|undeliver(?:ed|able)|delivery (?:has )?(?:failed|failure|error)"
    r"|unable to deliver|failed to deliver|error (?:was )?(?:encountered|occurred)? ?(?:while )?"
    r"(?:deliver|send|transport)|(?:permanent|fatal|permanently).{0,20}(?:error|fail)"
    r"|returned (?:to (?:the )?sender|mail)|mail(?:box)? (?:is )?full|user unknown|unknown user"
    r"|no such user|not a valid user|does not exist|address(?:es)? rejected"
    r"|recipient(?:s)? (?:address )?rejected|user not (?:known|found)|invalid final delivery userid"
    r"|following (?:recipient|address|destination|user)s?|out of storage|over quota"
    r"|could not be sent|duplicated message-id|rejected recipient|trouble delivering"
    r"|送信できません|配信できません|宛先|以下のメールアドレス"
    r"|(?:nicht|un).{0,10}zu(?:ge)?stell|n'a pas pu (?:e|ê)tre|non può essere|no (?:se )?pudo"
    r"|не может быть доставлен|не доставлен"
    r"|\b[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)
ABOUT_MAIL = re.compile(
    r"\b(?:e-?mails?|messages?|mails?|nachricht|mensaje|messaggio|courriel|mensagem)\b"
    r"[^.\n]{0,80}(?:deliver|sent|zugestellt|entreg|consegn|remis|recapit|refused|rejected)"
    r"|deliver[^.\n]{0,60}\b(?:e-?mail|message|mail)\b|\b[45]\.\d{1,2}\.\d{1,2}\b|\b55\d[ -]"
    r"|user unknown|unknown user|no such user|mailbox|recipient address|over quota|smtp"
    r"|宛先|メール",
    re.IGNORECASE,
)
"""Tells a mail that came back from a parcel that did."""
GOODS = re.compile(
    r"\b(?:parcel|package|shipment|courier|paket|sendung|colis|pacco|paquete|encomenda|pakket"
    r"|paczk\w|przesyłk\w)\b|\byour order\b|посылк",
    re.IGNORECASE,
)
"""Tells that something else than mail was to be delivered."""
SOFTWARE = re.compile(
    r"\A[^\w>]{0,80}(?:hi\. this is the|this is the (?:mail system|postfix|qmail|dragonfly|machine"
    r"|mta|smtp|exim)|this (?:message|e?-?mail|is an?).{0,30}(?:created|generated) automatically by"
    r"|this is an automatically generated delivery status|the original message was received"
    r"|i'm sorry to have to inform you|a message that you sent (?:could not be|was rejected)"
    r"|your (?:e-?mail |mail )?message (?:(?:with subject|to)\b.{0,200}\s{0,9})?"
    r"(?:did not reach|was not delivered|could(?: not|n't) be delivered|cannot be delivered"
    r"|has encountered delivery problems|was automatically rejected)"
    r"|your (?:message|document):?\s{1,10}[^\n]{0,200}\s{1,10}(?:was not delivered|did not reach)"
    r"|ihre? (?:nachricht|dokument):?\s{1,10}[^\n]{0,200}\s{1,10}(?:wurde|konnte) nicht zugestellt"
    r"|votre message n'a pas pu (?:e|ê)tre (?:delivre|délivré|remis|distribué)"
    r"|ihre (?:nachricht|e-?mail).{0,100}konnte nicht (?:zugestellt|übermittelt)"
    r"|message could not be delivered to|we had trouble delivering your message"
    r"|an error was detected while processing the enclosed message"
    r"|this report relates to a message you sent|invalid final delivery userid"
    r"|mailenable: message could not|message from interscan"
    r"|delivery (?:of|to) (?:e-?mail|mail|this address|the following recip).{0,80}"
    r"|это письмо создано автоматически сервером|ваше (?:письмо|сообщение) не"
    r"|\W*the following (?:addresses|recipients) had)"
    r"|^[ \t]*+-{2,} ?(?:the following addresses had|transcript of session follows)"
    r"|\"notificationtype\\?\"\s*:\s*\\?\"(?:bounce|complaint)|\"eventtype\\?\"\s*:\s*\\?\"bounce",
    re.IGNORECASE | re.MULTILINE,
)
"""What opens a report; no person begins so, and what a person quotes begins with ``>``."""
ORIGINAL_BELOW = re.compile(
    r"^[ \t]*+-{2,}.{0,30}(?:original|copy of|returned|unsent|bounced|undelivered).{0,60}$"
    r"|^\W{0,5}(?:received|return-path): |^(?:original|message|returned) (?:message|mail|headers?)"
    r".{0,20}(?:follows?|below)",
    re.IGNORECASE | re.MULTILINE,
)
ANSWER = re.compile(r"^\W*(?:re|aw|fwd?|wg|tr|sv|rv|antw)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
AUTOMATIC_ANSWER = re.compile(
    r"(?:this is|note:? this is) an? auto(?:mated|matic|matically generated|-generated)"
    r".{0,20}(?:reply|response|message|answer|e-?mail)"
    r"|only notification you will receive while|auto-?reply to (?:the|your) (?:e-?mail|message)"
    r"|dies ist eine automatische? .{0,20}(?:antwort|nachricht|e-?mail)"
    r"|diese (?:e-?mail|nachricht|antwort) wurde automatisch"
    r"|(?:ceci|cet? (?:message|e-?mail)) est (?:une? )?(?:réponse|message|généré).{0,20}automatique"
    r"|(?:este es un|esta é uma|esta es una) (?:mensaje|respuesta|resposta) autom"
    r"|(?:questo|questa) è una? (?:messaggio|risposta) automatic"
    r"|dit is een automatisch|wiadomość (?:została )?wygenerowana automatycznie"
    r"|это автоматическ|これは自動|本メールは自動|这是(?:一封)?自动",
    re.IGNORECASE,
)
"""An absence note that its program calls so, where it sets no field for it."""
