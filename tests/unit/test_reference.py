"""Signed references: what we sign we know again, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailticket.reference import NO_TICKET, Key, Keyring, domain_of, sign, verify

KEY = Key("k1", b"s" * 32)
RING = Keyring("instance-a", KEY)
NONCE = bytes(range(10))


def test_a_signed_reference_gives_its_ticket_back() -> None:
    assert verify(RING, sign(RING, 123, NONCE, "help.example")) == 123


def test_a_reference_is_lower_case_and_of_the_documented_shape() -> None:
    reference = sign(RING, 123, NONCE, "help.example")
    assert reference == reference.lower()
    key, ticket, nonce, mac = reference.removesuffix("@help.example").split(".")
    assert (key, ticket) == ("k1", "123")
    assert len(nonce) == 16
    assert len(mac) * 5 >= 128


def test_our_own_mail_about_no_ticket_is_zero_and_not_none() -> None:
    assert verify(RING, sign(RING, NO_TICKET, NONCE, "help.example")) == 0


@pytest.mark.parametrize("change", [str.upper, str.title, "<{}>".format, " <{}>\r\n ".format])
def test_case_and_brackets_do_not_matter(change: Callable[[str], str]) -> None:
    assert verify(RING, change(sign(RING, 7, NONCE, "help.example"))) == 7


def test_a_relay_that_rewrites_the_domain_is_forgiven() -> None:
    local = sign(RING, 7, NONCE, "help.example").split("@")[0]
    assert verify(RING, f"{local}@relay.example") == 7


def test_an_old_key_still_verifies_after_rotation() -> None:
    before = sign(RING, 9, NONCE, "help.example")
    rotated = Keyring("instance-a", Key("k2", b"t" * 32), (KEY,))
    assert verify(rotated, before) == 9
    assert sign(rotated, 9, NONCE, "help.example").startswith("k2.")


def test_a_removed_key_verifies_no_more() -> None:
    before = sign(RING, 9, NONCE, "help.example")
    assert verify(Keyring("instance-a", Key("k2", b"t" * 32)), before) is None


def test_another_secret_under_the_same_key_id_verifies_nothing() -> None:
    before = sign(RING, 9, NONCE, "help.example")
    assert verify(Keyring("instance-a", Key("k1", b"x" * 32)), before) is None


def test_a_clone_with_another_instance_id_does_not_answer() -> None:
    assert verify(Keyring("instance-b", KEY), sign(RING, 9, NONCE, "help.example")) is None


def test_every_single_changed_character_is_a_forgery() -> None:
    local, _, domain = sign(RING, 4711, NONCE, "help.example").partition("@")
    for at, was in enumerate(local):
        for other in "ab27.":
            if other != was:
                forged = local[:at] + other + local[at + 1 :]
                assert verify(RING, f"{forged}@{domain}") is None, forged


def test_every_truncation_is_a_forgery() -> None:
    local, _, domain = sign(RING, 4711, NONCE, "help.example").partition("@")
    for length in range(len(local)):
        assert verify(RING, f"{local[:length]}@{domain}") is None
        assert verify(RING, local[:length]) is None
    assert verify(RING, local) is None


def test_the_ticket_number_cannot_be_exchanged_or_written_another_way() -> None:
    reference = sign(RING, 123, NONCE, "help.example")
    assert verify(RING, reference.replace(".123.", ".124.")) is None
    assert verify(RING, reference.replace(".123.", ".0123.")) is None
    assert verify(RING, reference.replace(".123.", ".١٢٣.")) is None


def test_letters_that_only_lower_to_ascii_are_no_letters_of_ours() -> None:
    reference = sign(RING, 123, NONCE, "help.example")
    assert verify(RING, reference.replace("k1", "\u212a1")) is None


@pytest.mark.parametrize("hostile", ["", "<>", "@", "k1.1.a.b@c", "\0", "\ud800", "x@y@z"])
def test_what_is_not_ours_is_none(hostile: str) -> None:
    assert verify(RING, hostile) is None


def test_a_huge_id_is_refused_without_being_read() -> None:
    reference = sign(RING, 1, NONCE, "help.example")
    started = time.perf_counter()
    assert verify(RING, reference + "a" * 10_000_000) is None
    assert verify(RING, "k1." + "1" * 10_000_000) is None
    assert time.perf_counter() - started < 0.5


@given(st.text())
def test_no_text_at_all_raises(text: str) -> None:
    assert verify(RING, text) is None


@given(st.integers(0, 10**18 - 1), st.binary(min_size=8, max_size=32))
def test_all_tickets_and_nonces_come_back(ticket: int, nonce: bytes) -> None:
    assert verify(RING, sign(RING, ticket, nonce, "help.example").upper()) == ticket


def test_the_longest_reference_that_can_be_signed_is_known_again() -> None:
    ring = Keyring("i", Key("k" * 16, b"s" * 16))
    domain = ".".join(["a" * 62] * 4)
    assert verify(ring, f"<{sign(ring, 10**18 - 1, b'n' * 32, domain)}>") == 10**18 - 1


@pytest.mark.parametrize("domain", ["", "Upper.example", "a b", "a\r\nb", "a@b", "bücher.example"])
def test_a_domain_that_would_break_the_header_is_not_signed(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        sign(RING, 1, NONCE, domain)


@pytest.mark.parametrize(("ticket", "nonce"), [(-1, NONCE), (10**18, NONCE), (1, b"short")])
def test_what_could_not_be_verified_is_not_signed(ticket: int, nonce: bytes) -> None:
    with pytest.raises(ValueError, match=r"ticket|nonce"):
        sign(RING, ticket, nonce, "help.example")


def test_a_weak_secret_or_an_odd_key_id_makes_no_key() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Key("k1", b"short")
    with pytest.raises(ValueError, match="key id"):
        Key("K.1", b"s" * 32)


def test_a_secret_is_never_shown() -> None:
    assert "ssss" not in repr(RING)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("support@Help.Example", "help.example"),
        ("support@bücher.example", "xn--bcher-kva.example"),
        ("support", "mailticket.invalid"),
        ("support@", "mailticket.invalid"),
        ("a@b\r\nBcc: c", "mailticket.invalid"),
        ("a@[127.0.0.1]", "mailticket.invalid"),
        ("a@" + "ü" * 3000, "mailticket.invalid"),
    ],
)
def test_the_domain_of_an_address_can_always_be_signed(address: str, domain: str) -> None:
    assert domain_of(address) == domain
    assert verify(RING, sign(RING, 1, NONCE, domain_of(address))) == 1
