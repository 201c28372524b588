"""Forwarded mails are not replies: their subject or their text says so."""

from __future__ import annotations

import pytest

from mailticket.quotation import (
    is_called_forward,
    is_forward,
    new_part_of_html,
    new_part_of_text,
)

HEADER = "From: Ann <ann@x.example>\nSent: 5 May 2026 12:04\nTo: Bob\nSubject: x\n\ntext"


@pytest.mark.parametrize(
    "subject",
    [
        "Fwd: printer",
        "FW: printer",
        "fw : printer",
        "FWD: Re: printer",
        "[R-000123] Fwd: printer",
        "[ext] [list] WG: Drucker",
        "TR : imprimante",
        "RV: impresora",
        "I: stampante",
        "ENC: impressora",
        "Doorst: printer",
        "PD: drukarka",
        "VB: skrivare",
        "VL: tulostin",
        "转发: 打印机",
        "转发：打印机",
        "轉寄: 印表機",
        "Пересл: принтер",
        "Fwd[2]: printer",
        "Redir.: imprimantă",
        "Videresend: printer",
        "İLT: yazıcı",
    ],
)
def test_a_subject_says_forwarded(subject: str) -> None:
    assert is_forward(subject, HEADER)


@pytest.mark.parametrize(
    "subject",
    [
        "printer",
        "Re: Fwd: printer",
        "AW: WG: Drucker",
        "Fwd printer",
        "Question: Fwd: what does it mean?",
        "tr: ".upper().replace("TR", "RE") + "x",
        "SV: skrivare",
        "",
        "[Fwd]",
        ":",
    ],
)
def test_a_subject_does_not_say_forwarded(subject: str) -> None:
    assert not is_forward(subject, HEADER)


def test_vs_answers_in_finnish_and_forwards_in_danish() -> None:
    finnish = "Lähettäjä: Ann\nLähetetty: 5.5.2026\nVastaanottaja: Bob\nAihe: x"
    danish = "Fra: Ann\nSendt: 5. maj 2026\nTil: Bob\nEmne: x"
    assert not is_forward("VS: tulostin", finnish)
    assert is_forward("VS: printer", danish)
    html = "<p>Se her</p><div><b>Fra:</b> Ann<br><b>Sendt:</b> 5. maj 2026 12:04<br></div>"
    assert is_called_forward("VS: printer", html)
    assert not is_called_forward("VS: tulostin", html.replace("Fra", "Lähettäjä"))


MARKS = [
    "---------- Forwarded message ---------",
    "-------- Forwarded Message --------",
    "Begin forwarded message:",
    "> Begin forwarded message:",
    "-------- Weitergeleitete Nachricht --------",
    "Anfang der weitergeleiteten Nachricht:",
    "---------- Message transféré ---------",
    "Début du message transféré\u00a0:",
    "---------- Mensaje reenviado ---------",
    "Započni proslijeđenu poruku:",
    "Începe mesajul redirecționat:",
    "İleti başlangıcı:",
    "----- Message transmis -----",
    "----- Перенаправлене повідомлення -----",
    "--------- メッセージを転送 ---------",
    "--------- Wiadomość przesłana dalej ---------",
    "-------- Preposlaná správa --- Forwarded Message --------",
    "Inicio del mensaje reenviado:",
    "---------- Messaggio inoltrato ---------",
    "Inizio messaggio inoltrato:",
    "---------- Mensagem encaminhada ---------",
    "Início da mensagem reencaminhada:",
    "---------- Doorgestuurd bericht ---------",
    "Begin doorgestuurd bericht:",
    "---------- Przekazana wiadomość ---------",
    "Początek przekazywanej wiadomości:",
    "---------- Vidarebefordrat meddelande ---------",
    "---------- Пересылаемое сообщение ---------",
    "---------- 转发的邮件 ---------",
    "---------- 転送されたメッセージ ---------",
    "---------- Yönlendirilen ileti / Forwarded message ---------",
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_text_that_passes_on_another_mail_is_not_cut(mark: str) -> None:
    text = f"For your information.\n\n{mark}\n{HEADER}\n\n> older"
    assert is_forward("printer", text)
    assert new_part_of_text(text).cut == ""
    html = "<div>" + text.replace(">", "&gt;").replace("\n", "</div><div>") + "</div>"
    assert new_part_of_html(html).cut == ""


def test_a_reply_to_a_forwarded_mail_is_a_reply() -> None:
    text = f"New.\n\nOn 5 May 2026 at 12:04, Ann <a@x.example> wrote:\n> FYI\n> {MARKS[0]}\n> text"
    assert not is_forward("Re: printer", text)
    assert new_part_of_text(text).kept == "New."
