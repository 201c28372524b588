"""What mail programs call the elements of a quote: ids, classes, names and titles. Tables only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CONTAINER_IDS = (
    "OLK_SRC_BODY_SECTION",  # Outlook for Mac
    "isReplyContent",  # NetEase
    "oriMsgHtmlSeperator",
    "reply139content",
    "origbody",  # Sohu
)
TYPED_INTO_IDS = ("mail-editor-reference-message-container",)
"""The new Outlook; a container, unless the answer was typed into it as well."""
CONTAINER_CLASSES = (
    "yahoo_quoted",
    "freshdesk_quote",
    "__aliyun_previous_email_wrap",
    "skiff_quote",
    "front-blockquote",
    "fernand_quote",
    "quotedReply",  # Zendesk
    "zmail_extra_hr",  # Zoho's line above its quote
)
CONTAINER_NAMES = frozenset(("quote",))  # GMX, web.de
GMAIL_QUOTE = ("gmail_quote",)
OPEN_CLASSES = (*GMAIL_QUOTE, "protonmail_quote", "zmail_extra")
OPEN_NAMES = frozenset(("messageReplySection",))  # Spark
ATTRIBUTION_CLASSES = ("gmail_attr", "airmail_on")
ATTRIBUTION_IDS = frozenset(("reply-intro",))  # Roundcube
TYPED_INTO_CLASSES = ("moz-cite-prefix",)
OLD_MESSAGE_IDS = ("divRplyFwdMsg", "replySplit")  # Outlook on the web and on phones; 139.com
DIVIDER = "__DIVIDER__"  # Zimbra's data-marker
BLOCKQUOTE_CLASSES = ("notion-mail-quote", "alimail-quote", *GMAIL_QUOTE)
SEPARATOR = "quote-separator"  # La Suite's data-type
BEFORE_QUOTE = "beforequote:::"  # Zoho's title
CALLED_SO = (
    *("gmail_quote", "moz-cite-prefix", "yahoo_quoted", "protonmail_quote", "<blockquote"),
    *("divrplyfwdmsg", "appendonsend", "border-top:", "messagereplysection", "zmail_extra"),
    *("olk_src_body_section", "isreplycontent", "reply-intro", "freshdesk_quote", "replysplit"),
    *("reference-message-container", "orimsghtmlseperator", "__divider__", 'name="quote"'),
    *("skiff_quote", "aliyun_previous", "airmail_on", "reply139content", "origbody"),
    *("front-blockquote", "fernand_quote", "quotedreply", "beforequote:::"),
)
"""What programs call the elements of a quote, lower-case."""


def is_named_quote(attributes: Mapping[str, str | None], classes: Sequence[str]) -> bool:
    """Tell whether a mail program calls a blockquote its quote."""
    if attributes.get("type") == "cite" or attributes.get("data-type") == SEPARATOR:
        return True
    return has_class(classes, BLOCKQUOTE_CLASSES)


def has_class(classes: Sequence[str], wanted: tuple[str, ...]) -> bool:
    """Tell whether a class is one of these, with whatever another program put before it."""
    return any(name.endswith(wanted) for name in classes)
