"""What is wrong with how a page looks, and with what it is to somebody who does not see it."""

# WCAG 2.2: 1.4.6 asks for 7 to 1, which our words keep; 2.5.5 for targets of 44 pixels.
CONTRAST = 7.0
# 1.4.11: what is drawn.
DRAWN_CONTRAST = 3.0
TARGET = 44

MEASURE = """
const colour = text => {
  const parts = text.match(/[\\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
};
const behind = element => {
  for (; element; element = element.parentElement) {
    const found = colour(getComputedStyle(element).backgroundColor);
    if (found.alpha === 1) return found.rgb;
  }
  return [255, 255, 255];
};
const words = [...document.querySelectorAll('main *')].filter(element =>
  [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
const links = [...document.querySelectorAll('a')];
const drawn = document.querySelector('main svg');
const focus = link => {
  link.focus({ focusVisible: true });
  const style = getComputedStyle(link);
  const told = { style: style.outlineStyle, width: parseFloat(style.outlineWidth), colour: colour(style.outlineColor).rgb };
  link.blur();
  return told;
};
return {
  language: document.documentElement.lang,
  title: document.title,
  headings: document.querySelectorAll('h1').length,
  mains: document.querySelectorAll('main').length,
  scripts: document.scripts.length,
  scroll: document.documentElement.scrollWidth - window.innerWidth,
  width: window.innerWidth,
  styled: getComputedStyle(document.querySelector('main')).borderTopStyle === 'solid',
  words: words.map(element => ({ text: element.textContent.trim().slice(0, 40),
    size: parseFloat(getComputedStyle(element).fontSize),
    ink: colour(getComputedStyle(element).color).rgb, paper: behind(element) })),
  drawn: { ink: colour(getComputedStyle(drawn).color).rgb, paper: behind(drawn.parentElement), hidden: drawn.getAttribute('aria-hidden') },
  links: links.map(link => ({ height: link.getBoundingClientRect().height, width: link.getBoundingClientRect().width,
    around: behind(link.parentElement), focus: focus(link) })),
};
"""


def faults(browser):
    """Everything that is wrong with the page as it is shown at the moment, in words."""
    page = browser.script(MEASURE)
    yield from document_faults(page)
    for word in page["words"]:
        between = contrast(word["ink"], word["paper"])
        if between < CONTRAST:
            yield f"contrast {between:.1f} of {word['text']!r}"
        if word["size"] < 16:
            yield f"{word['size']} pixels are small for {word['text']!r}"
    drawn = contrast(page["drawn"]["ink"], page["drawn"]["paper"])
    if drawn < DRAWN_CONTRAST or page["drawn"]["hidden"] != "true":
        yield f"the drawing: contrast {drawn:.1f}, hidden {page['drawn']['hidden']}"
    for link in page["links"]:
        yield from link_faults(link)


def document_faults(page):
    if page["language"] != "en" or not page["title"]:
        yield f"language {page['language']!r}, title {page['title']!r}"
    if (page["headings"], page["mains"], page["scripts"]) != (1, 1, 0):
        yield f"{page['headings']} headings, {page['mains']} mains, {page['scripts']} scripts"
    if page["scroll"] > 0:
        yield f"{page['scroll']} pixels wider than {page['width']}"
    if not page["styled"]:
        yield "the policy keeps the style away"


def link_faults(link):
    if link["height"] < TARGET or link["width"] < TARGET:
        yield f"a button of {link['width']} by {link['height']} pixels"
    focus = link["focus"]
    if focus["style"] == "none" or focus["width"] < 2 or contrast(focus["colour"], link["around"]) < DRAWN_CONTRAST:
        yield f"a focus that is not seen: {focus}"


def contrast(one, other):
    """As WCAG defines it: from 1 to 21."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(rgb):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in rgb)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))
