// How a sample is drawn: a picture, curves, values.

const SVG = "http://www.w3.org/2000/svg";
const EDGE = 56; // pixels beside curves and bars, for numbers
const IN_A_TABLE = 40; // values that are told one by one

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function drawn(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function pictureOf(place, alt) {
  const image = node("img", { alt });
  image.addEventListener("load", () => image.classList.toggle("coarse", image.naturalWidth < 100));
  image.src = `data:image/png;base64,${task.views[place]}`;
  return image;
}

function viewOf(place, alt) {
  const view = task.views[place];
  if (task.kind === "image") return pictureOf(place, alt);
  if (task.kind === "curves") return bands(view, alt, curve);
  if (task.kind === "values") return view.length <= IN_A_TABLE ? tableOf(view) : bands([view], alt, bars);
  return node("p", { class: "no-view" }, `There is no picture of ${alt}.`);
}

function short(value) {
  return String(Number(value.toPrecision(4)));
}

// The scale of all inputs, wider where this one goes beyond it.
function range(values) {
  const low = Math.min(task.low, ...values), high = Math.max(task.high, ...values);
  return high > low ? [low, high] : [low, low + 1];
}

// A band a channel, one above the other, all on one scale; drawn pixel by pixel, so that its texts keep their size.
function bands(channels, alt, draw) {
  const room = document.getElementById("shown"); // none yet, in a window that is only being opened
  const width = Math.max(room.clientWidth, 200), whole = Math.max(room.clientHeight, 100);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${whole}`, role: "img", "aria-label": alt });
  const [low, high] = range(channels.flat());
  const height = (whole - 8) / channels.length;
  channels.forEach((values, number) => {
    const top = 4 + number * height, bottom = top + height - 6;
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    svg.append(drawn("rect", { x: EDGE, y: top, width: width - EDGE - 4, height: bottom - top, class: "band" }));
    const x = (place) => EDGE + ((place + 0.5) / values.length) * (width - EDGE - 4);
    svg.append(draw(values, x, y, Math.min(Math.max(0, low), high)));
    if (height > 40) {
      svg.append(drawn("text", { x: EDGE - 4, y: top + 14, "text-anchor": "end" }, short(high)));
      svg.append(drawn("text", { x: EDGE - 4, y: bottom, "text-anchor": "end" }, short(low)));
    }
    if (channels.length > 1) svg.append(drawn("text", { x: EDGE + 4, y: top + 14, class: "of" }, `${number + 1}`));
  });
  return svg;
}

function curve(values, x, y) {
  const points = values.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`);
  return drawn("polyline", { points: points.join(" "), class: "curve" });
}

function bars(values, x, y, zero) {
  const path = values.map((value, place) => `M${x(place).toFixed(1)} ${y(zero).toFixed(1)}V${y(value).toFixed(1)}`);
  const width = values.length > 1 ? 0.7 * (x(1) - x(0)) : 40;
  return drawn("path", { d: path.join(""), class: "bars", "stroke-width": width });
}

function tableOf(values) {
  const [low, high] = range(values), zero = Math.min(Math.max(0, low), high);
  const percent = (value) => `${(100 * (value - low)) / (high - low)}%`;
  const rows = values.map((value, place) => {
    const bar = node("div", { class: "value-bar" });
    bar.style.marginLeft = percent(Math.min(value, zero));
    bar.style.width = percent(low + Math.abs(value - zero));
    return node("tr", {}, node("th", { scope: "row" }, `${place + 1}`), node("td", {}, short(value)), node("td", {}, bar));
  });
  return node("table", { class: "values", tabindex: "0" }, node("tbody", {}, ...rows));
}
