"""Sanitising what people send: it still looks like the mail."""

from __future__ import annotations

import pytest

from mailticket.sanitise import Sanitised, drop_images, point_images, sanitise

LINK = 'target="_blank" rel="noopener noreferrer nofollow"'
LIMIT = "max-width:250px;height:auto"
SHA = "a" * 64


@pytest.mark.parametrize(
    "html",
    [
        "",
        "plain",
        "<p>one</p>\n<p>two</p>",
        "<b>b</b><i>i</i><u>u</u><s>s</s><sub>x</sub><sup>y</sup><small>z</small>",
        '<ol start="3" type="a"><li value="7">x</li></ol><ul><li>y</li></ul>',
        "<dl><dt>x</dt><dd>y</dd></dl>",
        "<blockquote>x<br>y</blockquote><hr>",
        "<pre>a\n  b</pre><code>c</code>",
        '<font face="Calibri, sans-serif" size="2" color="#1F497D">x</font>',
        '<p align="center" dir="rtl" lang="he">x</p>',
        '<p style="margin:0;font-size:11pt;font-family:&quot;Segoe UI&quot;,sans-serif">x</p>',
        '<p style="text-indent:-18.0pt;margin-left:36.0pt">x</p>',
        '<span style="color:rgb(31, 73, 125);background-color:yellow">x</span>',
        '<td style="border:none;border-bottom:solid windowtext 1.0pt">'.replace("td", "div")
        + "x</div>",
        '<table border="1" cellpadding="0" width="100%"><tbody><tr></tr></tbody></table>',
        '<table><tbody><tr><td colspan="2" bgcolor="#ffffff">x</td></tr></tbody></table>',
        '<h1 style="font:bold 12pt/1.5 Arial">x</h1>',
        f'<a href="https://example.org/?a=1&amp;copy=2#x" {LINK}>x</a>',
        f'<a href="mailto:jo@example.org?subject=Hi" {LINK}>x</a>',
        f'<a href="tel:+33123456789" {LINK}>x</a>',
        "1 &lt; 2 &amp;&amp; 3 &gt; 2&nbsp;€ 😀",
    ],
)
def test_harmless_html_stays_as_it_is(html: str) -> None:
    assert sanitise(html) == Sanitised(html, 0)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p class=MsoNormal><o:p>&nbsp;</o:p></p>", '<p style="margin:0">&nbsp;</p>'),
        ('<p class="MsoListParagraph" style="margin-left:36pt">x</p>',
         '<p style="margin:0;margin-left:36pt">x</p>'),
        ("<body bgcolor=#eeeeee text=navy>x</body>",
         '<div style="background-color:#eeeeee;color:navy">x</div>'),
        ('<p style="background:#fff url(http://x.invalid/y) no-repeat">x</p>',
         '<p style="background-color:#fff">x</p>'),
        ('<p style="color:red;mso-style-name:x;position:fixed;COLOR:Blue !important">x</p>',
         '<p style="color:Blue">x</p>'),
        ('<p style="margin:-900px;text-indent:-9999px;width:99999px">x</p>', "<p>x</p>"),
        ("<div id=a class=b name=c data-x=d onclick=e>x</div>", "<div>x</div>"),
        ("<form>a<input value=b><label>c</label></form>", "<div>ac</div>"),
        ("<head><title>t</title><style>s</style><meta><base></head>x", "x"),
        ("<!--[if mso]>y<![endif]--><![if !mso]>x<![endif]>", "x"),
        ("&#xD83D;&#xDE00; &#55357;&#56832; &#128512;", "😀 😀 😀"),
        ("a\0b\ud800c\udc80d &#1;&#0;", "abcd \ufffd"),
        ("\ud83d\ude00", "😀"),
        ("<textarea><b>x</textarea>", "&lt;b&gt;x"),
        ('<a href="ftp://example.org/x">x</a>', "<a>x</a>"),
        ('<a href=" https://a\nb.org/ ">x</a>', f'<a href="https://ab.org/" {LINK}>x</a>'),
        ('<a href="/x">x</a><a name="y">y</a>', "<a>x</a><a>y</a>"),
        ('<a href="http://a>b/" title="x">x</a>', '<a title="x">x</a>'),
        ('<a href="http://a<b/">&lt;a href="</a>', '<a>&lt;a href="</a>'),
        ("<p><b>x<p>y", "<p><b>x</b></p><p><b>y</b></p>"),
        ('<p title=it\'s class="a"b>x', "<p title=\"it's\">x</p>"),
    ],
)  # fmt: skip
def test_what_cannot_stay_goes_and_the_rest_stays(html: str, expected: str) -> None:
    assert sanitise(html).html == expected


@pytest.mark.parametrize(
    "html",
    [
        "x<!-- lost -->y",
        "x<!-- never closed y",
        "x<style>never closed y",
        'x <a href="never closed> y',
        "x </unknown> y",
        "x <unknown>y</unknown>",
        "x<title>never closed y",
        "x < y",
        "<select><option>x<option>y</select>",
        "<table>x<tr>y</table>",
        "<svg><text>x</text></svg>y",
        "<div>" * 500 + "x" + "</div>" * 500 + "y",
    ],
)
def test_no_words_are_lost(html: str) -> None:
    clean = sanitise(html).html
    assert "x" in clean
    assert "y" in clean
    assert clean.index("x") < clean.index("y") or "<table>" in html


# --- images ------------------------------------------------------------------------------------


def test_an_embedded_image_is_limited_in_width() -> None:
    done = sanitise(
        '<img src="CID:logo@x" alt="Logo" width=600 height=300 style="height:300px">', 320
    )
    assert done.html == (
        '<img src="CID:logo@x" alt="Logo" width="600" height="300"'
        ' style="max-width:320px;height:auto">'
    )


def test_a_remote_image_becomes_a_placeholder_that_asks_nothing() -> None:
    done = sanitise(
        '<p><img src="https://x.invalid/a.png?b=1&copy=2" alt="A &amp; B" srcset="y 2x">'
    )
    assert done.html == (
        '<p><img data-remote-src="https://x.invalid/a.png?b=1&amp;copy=2" alt="A &amp; B"></p>'
    )
    assert done.remote_images == 1
    assert sanitise(done.html) == done


def test_a_tracking_pixel_is_no_image() -> None:
    done = sanitise('x<img src="https://x.invalid/t.gif" width=1 height="1">')
    assert done == Sanitised("x", 0)


def test_an_image_without_a_source_is_its_alternative_text() -> None:
    assert sanitise('<img src="file:///c:/x.png" alt="Plan">').html == '<img alt="Plan">'
    assert sanitise('<img src="image001.png" onerror=x>').html == ""
    assert sanitise('<img src="//.png">').html == ""


def test_an_image_by_location_becomes_one_by_id() -> None:
    done = sanitise('<img src="image001.png">', locations={"image001.png": "part1@x"})
    assert done.html == f'<img src="cid:part1@x" style="{LIMIT}">'


def test_a_small_data_image_stays_and_a_large_one_goes() -> None:
    small = "data:image/png;base64,iVBORw0KGgo="
    assert sanitise(f'<img src="{small}">').html == f'<img src="{small}" style="{LIMIT}">'
    assert sanitise(f'<img src="{small[:40]}{"A" * 2_000_000}">').html == ""


def test_embedded_images_point_at_attachments() -> None:
    html = sanitise('<p>a<img src="cid:logo%40x" alt="L" style="border:0">b</p>').html
    assert point_images(html, {"<Logo@X>": SHA}, 100) == (
        f'<p>a<img src="attachment:{SHA}" alt="L" style="border:0;max-width:100px;height:auto"'
        ' data-zoom="">b</p>'
    )


def test_an_image_that_is_not_there_leaves_its_alternative_text() -> None:
    html = sanitise('a<img src="cid:gone" alt="<Logo>">b<img src="cid:gone">c').html
    assert point_images(html, {"other": SHA}) == "a&lt;Logo&gt;bc"


def test_a_left_out_image_leaves_no_hole() -> None:
    html = sanitise('<p>a<img src="cid:x">b<img src="cid:y">c</p>').html
    assert drop_images(html, ["x"]) == f'<p>ab<img src="cid:y" style="{LIMIT}">c</p>'
    assert drop_images(html, {"<X>", "y"}, "[image <left> out]") == (
        "<p>a[image &lt;left&gt; out]b[image &lt;left&gt; out]c</p>"
    )


def test_an_image_that_is_all_there_is_can_be_left_out() -> None:
    assert drop_images(sanitise('<img src="cid:x">').html, ["x"]) == ""


def test_text_that_speaks_of_images_is_left_alone() -> None:
    html = sanitise('<p title="src=&quot;cid:x">&lt;img src="cid:x"&gt;</p>').html
    assert drop_images(html, ["x"]) == html
    assert point_images(html, {"x": SHA}) == html


def test_what_was_pointed_stays_harmless_when_sanitised_again() -> None:
    html = point_images(sanitise('<img src="cid:x" alt="L">').html, {"x": SHA})
    assert sanitise(html).html == '<img alt="L">'
