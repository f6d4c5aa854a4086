// What is wrong with the page as it is shown now: text that is hard to read, figures without words, cut tables.
() => {
  const context = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const parse = (color) => {
    if (!known.has(color)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      known.set(color, [r, g, b, a / 255]);
    }
    return known.get(color);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgrounds = new Map();
  const background = (element) => {
    if (!element) return [255, 255, 255];
    if (!backgrounds.has(element)) {
      backgrounds.set(element, over(parse(getComputedStyle(element).backgroundColor), background(element.parentElement)));
    }
    return backgrounds.get(element);
  };
  const faint = new Set();
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, style, noscript, template")) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true}) || !element.getClientRects().length) continue;
    texts += 1;
    const below = background(element);
    const [a, b] = [luminance(over(parse(getComputedStyle(element).color), below)), luminance(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className} ${walker.currentNode.textContent.trim().slice(0, 30)}`);
  }
  const article = document.querySelector(".bd-article") || document.body;
  const scrolls = (element) => {
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return true;
    }
    return false;
  };
  const width = document.documentElement.clientWidth;
  const wide = [...article.querySelectorAll("table, pre, img")].filter((e) => e.getBoundingClientRect().right > width + 1);
  return {
    faint: [...faint].slice(0, 8),
    texts,
    mute: [...document.images].filter((i) => !(i.alt || "").trim() || /\.(png|svg)$/.test(i.alt)).map((i) => i.src),
    broken: [...document.images].filter((i) => !i.complete || !i.naturalWidth).map((i) => i.src),
    sideways: Math.max(0, document.documentElement.scrollWidth - width),
    cut: wide.filter((e) => !scrolls(e)).map((e) => `${e.tagName}.${e.className}`),
    small: [...article.querySelectorAll("p, td, li, pre")].filter((e) => e.innerText.trim() && parseFloat(getComputedStyle(e).fontSize) < 12).length,
  };
}
