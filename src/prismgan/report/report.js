"use strict";

// Before and after: the range input moves the line.
for (const stage of document.querySelectorAll(".stage")) {
  const input = stage.querySelector("input");
  const move = () => stage.style.setProperty("--split", `${input.value}%`);
  input.addEventListener("input", move);
  move(); // browsers restore a moved slider on reload
}

// Tables: a click on a heading sorts, a second one turns the order round. Empty cells stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const numeric = heading.classList.contains("number");
      const first = numeric ? "descending" : "ascending";
      const second = numeric ? "ascending" : "descending";
      const order = heading.getAttribute("aria-sort") === first ? second : first;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const key = (row) => {
        const cell = row.cells[column];
        if (!numeric) return cell.textContent;
        return cell.dataset.sort === "" || cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
      };
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (numeric ? x - y : x.localeCompare(y));
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}

// Charts: the legend shows the values under the pointer.
for (const figure of document.querySelectorAll(".chart")) {
  const svg = figure.querySelector("svg");
  const [stepLow, stepHigh] = svg.dataset.x.split(" ").map(Number);
  const [low, high] = svg.dataset.y.split(" ").map(Number);
  const [left, right, top, bottom] = svg.dataset.box.split(" ").map(Number);
  const logarithmic = "log" in svg.dataset;
  const heading = figure.querySelector("h4");
  const title = heading.textContent;
  const readings = [...figure.querySelectorAll("[data-last]")];
  const last = readings.map((reading) => reading.textContent);
  const curves = [...svg.querySelectorAll(".curve")].map((curve) =>
    curve.getAttribute("points").split(" ").map((point) => point.split(",").map(Number)));
  const valueAt = (place) => {
    const part = (bottom - place) / (bottom - top);
    return logarithmic ? low * (high / low) ** part : low + part * (high - low);
  };
  const cross = document.createElementNS(svg.namespaceURI, "line");
  cross.setAttribute("class", "cross");
  cross.setAttribute("y1", top);
  cross.setAttribute("y2", bottom);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const place = Math.min(right, Math.max(left, (event.clientX - box.left) * scale));
    cross.setAttribute("x1", place);
    cross.setAttribute("x2", place);
    svg.append(cross);
    const step = Math.round(stepLow + (place - left) / (right - left) * (stepHigh - stepLow));
    heading.textContent = `${title}, step ${step.toLocaleString("en")}`;
    curves.forEach((points, index) => {
      const near = points.reduce((a, b) => Math.abs(b[0] - place) < Math.abs(a[0] - place) ? b : a);
      readings[index].textContent = Number(valueAt(near[1]).toPrecision(3)).toString();
    });
  });
  svg.addEventListener("pointerleave", () => {
    cross.remove();
    heading.textContent = title;
    readings.forEach((reading, index) => { reading.textContent = last[index]; });
  });
}

// Pictures: a click shows one at full size.
const dialog = document.createElement("dialog");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
for (const image of document.querySelectorAll("img.zoom")) {
  image.addEventListener("click", () => {
    dialog.replaceChildren(image.cloneNode());
    dialog.firstChild.className = "";
    dialog.showModal();
  });
}
