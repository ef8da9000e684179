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

// Charts: drawn once they are visible, in the page's colours; the legend shows the values at the pointer.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 6 });
const label = (number) => number !== 0 && Math.abs(number) < 1e-3 ? Number(number.toPrecision(6)).toExponential() : short.format(number);
const isRound = (number) => [1, 2, 5].includes(Number((number / 10 ** Math.floor(Math.log10(number) + 1e-9)).toPrecision(6)));
const plots = [];

const eventLines = (steps) => (plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("quiet");
  ctx.setLineDash([devicePixelRatio, 3 * devicePixelRatio]);
  for (const step of steps) {
    const x = plot.valToPos(step, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
};

const draw = (place) => {
  const chart = JSON.parse(place.dataset.chart);
  const figure = place.closest("figure");
  const heading = figure.querySelector("h4");
  const title = heading.textContent;
  const readings = [...figure.querySelectorAll("[data-last]")];
  const last = readings.map((reading) => reading.textContent);
  const tables = [], series = [{}], bands = [], measured = [];
  for (const { range, colour: name } of chart.curves) {
    if (!range) continue;
    tables.push(range);
    series.push(...[0, 1].map(() => ({ width: 0, points: { show: false }, spanGaps: true })));
    bands.push({ series: [series.length - 1, series.length - 2], fill: () => `${colour(name)}33` });
  }
  for (const { line, colour: name } of chart.curves) {
    tables.push(line);
    const limit = name === "limit";
    series.push({
      stroke: () => colour(limit ? "ink" : name), width: limit ? 1.3 : 2, dash: limit ? [5, 4] : undefined,
      points: { show: line[0].length === 1, fill: () => colour(limit ? "ink" : name) }, spanGaps: true,
    });
    if (!limit) measured.push(line);
  }
  const axis = { stroke: () => colour("quiet"), font: "11px system-ui, sans-serif", ticks: { show: false }, values: (_, splits) => splits.map((split) => split === null ? "" : label(split)) };
  const labelled = chart.log ? { filter: (_, splits) => splits.map((split) => isRound(split) ? split : null) } : {};
  const plot = new uPlot({
    width: place.clientWidth, height: 190, legend: { show: false }, series, bands,
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: chart.x }, y: { range: chart.y, distr: chart.log ? 3 : 1 } },
    axes: [{ ...axis, size: 26, grid: { show: false } }, { ...axis, ...labelled, size: 44, gap: 4, grid: { stroke: () => colour("line"), width: 1 } }],
    hooks: {
      drawAxes: [eventLines(chart.events)],
      setCursor: [({ cursor, data }) => {
        const step = cursor.idx === null || cursor.left < 0 ? null : data[0][cursor.idx];
        heading.textContent = step === null ? title : `${title}, step ${step.toLocaleString("en")}`;
        measured.forEach(([steps, values], index) => {
          if (step === null) { readings[index].textContent = last[index]; return; }
          const near = steps.reduce((best, each, at) => Math.abs(each - step) < Math.abs(steps[best] - step) ? at : best, 0);
          readings[index].textContent = Number(values[near].toPrecision(3)).toString();
        });
      }],
    },
  }, tables.length > 1 ? uPlot.join(tables) : tables[0], place);
  plots.push(plot);
  return plot;
};

const sized = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (contentRect.width === 0) continue; // folded
    if (target.plot) target.plot.setSize({ width: contentRect.width, height: 190 });
    else target.plot = draw(target);
  }
});
document.querySelectorAll("[data-chart]").forEach((place) => sized.observe(place));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((plot) => plot.redraw(false)));

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
