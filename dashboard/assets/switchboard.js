/* What the browser does by itself: filters into the URL, parts of a panel shown and hidden, focus on a new page. */
(function () {
  "use strict";

  /* As dcc.Link does: the URL is the page's only state, so a link or Back restores the view. */
  function go(href) {
    window.history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    switchboard: {
      filter: function (values, ids) {
        const now = new URLSearchParams(window.location.search);
        /* a practice's page has its organisation in its path */
        const practice = (window.location.pathname.match(/^\/practice\/([^/]+)/) || [])[1];
        let changed = false;
        values.forEach(function (value, place) {
          const name = ids[place].filter;
          /* what the page shows by default need not stand in the URL until it is changed */
          const shown = shownFilters[name];
          shownFilters[name] = value;
          const inUrl = name === "organisation" && practice ? practice : now.get(name);
          if (value && shown !== undefined && shown !== value && inUrl !== value) {
            /* the newest month is what a link without one shows, today and later */
            if (name === "ending" && value === "newest") now.delete(name);
            else now.set(name, value);
            changed = true;
          }
        });
        if (changed) {
          const leaves = practice && (now.get("organisation") || practice) !== practice;
          go((leaves ? "/demand" : window.location.pathname) + "?" + now.toString());
        }
        return window.dash_clientside.no_update;
      },
      goto: function (values) {
        if (values[0]) go(new URL(values[0], window.location.href).href);
        return window.dash_clientside.no_update;
      },
      /* a point that is a practice carries its code as its id */
      drill: function () {
        const clicked = window.dash_clientside.callback_context.triggered[0];
        const point = clicked && clicked.value && clicked.value.points && clicked.value.points[0];
        if (point && point.id) {
          const search = new URLSearchParams(window.location.search);
          search.delete("organisation");
          go("/practice/" + encodeURIComponent(point.id) + (search.size ? "?" + search.toString() : ""));
        }
        return window.dash_clientside.no_update;
      },
    },
  });
  const shownFilters = {};

  /* A cell of the coverage grid: a mark a month, filled where there is data, and the count in words. */
  window.dashAgGridComponentFunctions = Object.assign({}, window.dashAgGridComponentFunctions, {
    Coverage: function (props) {
      const field = props.colDef.field;
      const said = props.data[field + "__said"];
      if (said === undefined) return React.createElement("span", { className: "quiet" }, "not published");
      const marks = Array.from(props.data[field + "__strip"]).map(function (has, place) {
        return React.createElement("i", { key: place, className: has === "1" ? "has" : "" });
      });
      const strip = React.createElement("span", { className: "strip", role: "img", "aria-label": said, title: said }, marks);
      return React.createElement("span", { className: "months" }, strip, props.data[field + "__words"]);
    },
  });

  /* A table comes as one component, told in words; its rows are made here. */
  function cell(kind, told, side) {
    const made = document.createElement(kind);
    if (side) made.className = side;
    if (Array.isArray(told)) {
      const link = made.appendChild(document.createElement("a"));
      link.textContent = told[0];
      if (/^[/?](?![/\\])/.test(told[1])) link.setAttribute("href", told[1]);
      link.dataset.inside = "";
    } else if (told.icon) {
      const icon = document.createElement("img");
      if (/^\/(?![/\\])/.test(told.icon)) icon.src = told.icon;
      icon.className = "icon";
      icon.width = icon.height = told.size;
      icon.alt = icon.title = told.meaning;
      const kept = made.appendChild(document.createElement("span"));
      kept.className = "nowrap";
      kept.append(told.words, icon);
    } else if (told.look) {
      const marked = made.appendChild(document.createElement("span"));
      marked.className = told.look;
      marked.textContent = told.words;
    } else made.textContent = told;
    return made;
  }
  function fill(place) {
    const told = JSON.parse(place.dataset.table);
    const table = document.createElement("table");
    const caption = table.createCaption();
    caption.textContent = told.caption;
    if (told.hidden) caption.className = "visually-hidden";
    const head = table.createTHead().insertRow();
    told.headings.forEach(function (heading, column) {
      head.appendChild(cell("th", heading, told.align[column])).scope = "col";
    });
    const body = table.createTBody();
    told.rows.forEach(function (row) {
      const line = body.insertRow();
      row.forEach(function (each, column) {
        const made = line.appendChild(cell(column ? "td" : "th", each, told.align[column]));
        if (!column) made.scope = "row";
      });
    });
    place.replaceChildren(table);
  }

  /* A map tells how much of the world it shows (charts/maps.py); here it is known how many pixels there are for it. */
  const AROUND = 24, TILE = 512, NEAREST = 12;
  const maps = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      const graph = entry.target.closest(".js-plotly-plot");
      const extent = graph && graph.layout.meta && graph.layout.meta.extent;
      const room = [entry.contentRect.width - 2 * AROUND, entry.contentRect.height - 2 * AROUND];
      if (!extent || room[0] <= 0 || room[1] <= 0) return;
      const zoom = Math.log2(Math.min(room[0] / extent[0], room[1] / extent[1]) / TILE);
      window.Plotly.relayout(graph, { "map.zoom": Math.min(zoom, NEAREST) });
    });
  });
  function fit(canvas) {
    const graph = canvas.closest(".js-plotly-plot");
    if (graph) graph.once("plotly_afterplot", function () { maps.observe(canvas.parentElement); });
  }

  new MutationObserver(function (changes) {
    const places = new Set();
    changes.forEach(function (change) {
      if (change.type === "attributes") places.add(change.target);
      change.addedNodes.forEach(function (node) {
        if (!node.querySelectorAll) return;
        if (node.matches("[data-table]")) places.add(node);
        if (node.matches(".maplibregl-canvas-container")) fit(node);
        node.querySelectorAll("[data-table]").forEach(function (place) { places.add(place); });
      });
    });
    places.forEach(fill);
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-table"] });

  document.addEventListener("click", function (event) {
    const link = event.target.closest("a[data-inside]");
    const plain = !event.defaultPrevented && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!link || !link.href || !plain) return;
    event.preventDefault();
    go(link.href);
  });

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-toggle]");
    if (!button) return;
    const part = button.closest(".panel").querySelector('[data-part="' + button.dataset.toggle + '"]');
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
  });

  /* A reader of the screen hears of a new page by its heading. */
  let path = window.location.pathname;
  window.addEventListener("_dashprivate_pushstate", function () {
    if (window.location.pathname === path) return;
    path = window.location.pathname;
    window.scrollTo(0, 0);
    const before = document.querySelector("main h1");
    const text = before && before.textContent;
    let tries = 60;
    (function look() {
      const heading = document.querySelector("main h1");
      if (heading && (heading !== before || heading.textContent !== text)) heading.focus({ preventScroll: true });
      else if (tries-- > 0) window.setTimeout(look, 50);
    })();
  });
})();
