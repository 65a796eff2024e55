/* Time series from data-chart attributes, in the colours of the theme. No inline styles: tooltips are drawn, not HTML. */
(function () {
  "use strict";
  const probe = document.createElement("span");
  probe.hidden = true;

  /* A token may be light-dark(...); a painted element knows which of the two it is. */
  function colour(token) {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  }

  /* Whole rupees on a tall axis, paise and less on a low one: four marks must not all read ₹0. */
  function figures(data) {
    const lines = data.series.map((one) => one.data);
    const heights = data.x.map((_, at) => (data.kind === "line" ? Math.max : (...all) => all.reduce((sum, each) => sum + each, 0))(...lines.map((line) => line[at] || 0)));
    const most = Math.max(...heights);
    const digits = most === 0 || most >= 8 || !data.money ? 0 : most >= 0.08 ? 2 : 4;
    const format = new Intl.NumberFormat("en-IN", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (value) => written(data, format, value);
  }
  function written(data, format, value) {
    return (value < 0 ? "−" : "") + (data.money ? "₹" : "") + format.format(Math.abs(value));
  }
  function exact(data) {
    const digits = data.money ? data.decimals ?? 2 : 0;
    const format = new Intl.NumberFormat("en-IN", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (value) => (value === null || value === undefined ? "–" : written(data, format, value));
  }

  function seriesOf(data, one, place) {
    const tone = colour(`--cm-s${place + 1}`);
    const last = data.x.length - 1;
    const values = data.unfinished && data.kind !== "line"
      ? one.data.map((value, at) => (at === last ? { value, itemStyle: { opacity: 0.5 } } : value))
      : one.data;
    return {
      name: one.name, type: data.kind || "bar", data: values, symbol: "none", barCategoryGap: "32%",
      stack: data.kind === "line" ? null : "all",
      lineStyle: { width: 2, color: tone, type: one.dashed ? "dashed" : "solid" },
      itemStyle: { color: tone, borderRadius: place === data.series.length - 1 && data.kind !== "line" ? [2, 2, 0, 0] : 0 },
    };
  }

  function draw(element) {
    const data = JSON.parse(element.dataset.chart);
    const chart = window.echarts.getInstanceByDom(element) || window.echarts.init(element, null, { renderer: "canvas" });
    const label = { color: colour("--cm-ink-3"), fontSize: 11 };
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 56, right: 8, top: 10, bottom: 24 },
      tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: exact(data), backgroundColor: colour("--cm-raise"), borderColor: colour("--cm-line-2"), textStyle: { color: colour("--cm-ink"), fontSize: 12 } },
      xAxis: { type: "category", data: data.x, axisTick: { show: false }, axisLine: { lineStyle: { color: colour("--cm-line-2") } }, axisLabel: label },
      yAxis: { type: "value", splitNumber: 3, splitLine: { lineStyle: { color: colour("--cm-line") } }, axisLabel: { ...label, formatter: figures(data) } },
      series: data.series.map((one, place) => seriesOf(data, one, place)),
    }, true);
  }

  function drawAll() { document.querySelectorAll("[data-chart]").forEach(draw); }
  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(probe);
    drawAll();
    addEventListener("resize", () => document.querySelectorAll("[data-chart]").forEach((element) => window.echarts.getInstanceByDom(element)?.resize()));
  });
  document.addEventListener("cm:theme", drawAll);
  document.addEventListener("cm:chart", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
})();
