/* What the map does beyond Folium's own script: French controls, the legend in the panel, names
   that do not overlap, the reach of the site one looks at, tables that lead to the map, keys. */
const carte = (() => {
  "use strict";

  const POPUP = { maxWidth: 300, minWidth: 220, autoPanPadding: [24, 24] };
  const EDGE = 18; // pixels between the territory and the frame; a hidden map has no room for them
  const APART = 18; // pixels between two marks, so that each is seen and clicked
  const WAYS = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]];
  const NAME_OFFSETS = [0, 20, -20, 32, -32];

  /* Marks told apart from discs without their colour; Folium asks for them as it asks for a disc. */
  const shaped = (path) => L.CircleMarker.extend({
    _updatePath() { this._renderer._setPath(this, path(this._point, this._radius)); },
  });
  L.Triangle = shaped(({ x, y }, r) => `M${x} ${y - 1.25 * r}l${1.25 * r} ${2.5 * r}h${-2.5 * r}z`);
  L.Hexagon = shaped(({ x, y }, r) => `M${x - r} ${y}l${r / 2} ${-r}h${r}l${r / 2} ${r}l${-r / 2} ${r}h${-r}z`);

  function feature({ properties }, layer) {
    layer.bindTooltip(properties.tooltip, { sticky: true });
    if (properties.popup) layer.bindPopup(properties.popup, POPUP);
  }

  function addControls(map, fit) {
    map.attributionControl.setPrefix("Leaflet");
    L.control.zoom({ zoomInTitle: "Zoomer", zoomOutTitle: "Dézoomer" }).addTo(map);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    const home = L.control({ position: "topleft" });
    home.onAdd = () => {
      const bar = L.DomUtil.create("div", "leaflet-bar");
      const link = L.DomUtil.create("a", "", bar);
      link.href = "#";
      link.textContent = "⤢";
      link.title = "Voir tout le territoire";
      link.setAttribute("role", "button");
      link.setAttribute("aria-label", link.title);
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.on(link, "click", (event) => { L.DomEvent.stop(event); map.closePopup(); fit(); });
      return bar;
    };
    home.addTo(map);
  }

  function keepInView(map, fit) {
    let moved = false;
    for (const kind of ["pointerdown", "wheel", "keydown"]) {
      map.getContainer().addEventListener(kind, () => { moved = true; }, { passive: true });
    }
    map.on("resize", () => { if (!moved) fit(); });
    fit();
  }

  /* Text as Python wrote it, before it became HTML. */
  const plain = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent;

  const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  /* How far a name must slide so that the map's edge does not cut it. */
  function inside(frame, box) {
    const middle = (box.left + box.right) / 2;
    if (middle < frame.left || middle > frame.right) return 0;
    return Math.max(0, frame.left + 4 - box.left) + Math.min(0, frame.right - 4 - box.right);
  }

  /* Where marks would hide one another, the later (and smaller) one slides aside on the screen. */
  function partMarks(map, groups) {
    const placed = [];
    const free = (p) => placed.every((q) => Math.abs(p.x - q.x) >= APART || Math.abs(p.y - q.y) >= APART);
    for (const group of groups) {
      group.eachLayer((marker) => {
        const icon = marker.getElement();
        if (!icon) return;
        const home = map.latLngToLayerPoint(marker.getLatLng());
        let spot = home;
        for (let far = 3; far <= 60 && !free(spot); far += 3) {
          const way = WAYS.find(([x, y]) => free(home.add([far * x, far * y])));
          if (way) spot = home.add([far * way[0], far * way[1]]);
        }
        placed.push(spot);
        icon.style.marginLeft = `${spot.x - home.x - icon.offsetWidth / 2}px`;
        icon.style.marginTop = `${spot.y - home.y - icon.offsetHeight / 2}px`;
      });
    }
  }

  /* Names come with those of communes that have a site first, then the most peopled: the others give way. */
  function placeNames(map) {
    const pane = map.getContainer();
    const frame = pane.getBoundingClientRect();
    const taken = [...pane.querySelectorAll(".site svg")].map((mark) => mark.getBoundingClientRect());
    for (const name of pane.querySelectorAll(".nom-commune")) {
      const text = name.firstElementChild;
      text.style.transform = "";
      const box = text.getBoundingClientRect();
      const dx = inside(frame, box);
      const free = NAME_OFFSETS.find((dy) => {
        const moved = { left: box.left + dx, right: box.right + dx, top: box.top + dy, bottom: box.bottom + dy };
        return !taken.some((other) => overlap(moved, other));
      });
      name.classList.toggle("cache", free === undefined);
      if (free === undefined) continue;
      text.style.transform = `translate(${dx}px, ${free}px)`;
      taken.push(text.getBoundingClientRect());
    }
  }

  function showReach(map, reach) {
    let shown = [];
    const hide = () => { shown.forEach((layer) => layer.remove()); shown = []; };
    map.on("popupclose", hide);
    map.on("popupopen", ({ popup }) => {
      hide();
      const site = popup._source && popup._source.options.site;
      if (!reach || site === undefined) return;
      reach.eachLayer((layer) => { if (layer.feature.properties.site === site) shown.push(layer.addTo(map)); });
    });
  }

  /* A popup takes the focus, Escape closes it, and the focus goes back where it was. */
  function handleFocus(map) {
    let before = null;
    map.on("popupopen", ({ popup }) => {
      const box = popup.getElement();
      const close = box.querySelector(".leaflet-popup-close-button");
      if (!box.contains(document.activeElement)) before = document.activeElement;
      close.setAttribute("aria-label", "Fermer");
      box.setAttribute("role", "dialog");
      box.setAttribute("aria-label", box.querySelector("h3").textContent);
      box.tabIndex = -1;
      box.onkeydown = (event) => { if (event.key === "Escape") map.closePopup(popup); };
      box.focus({ preventScroll: true });
    });
    map.on("popupclose", ({ popup }) => {
      if (before && popup.getElement().contains(document.activeElement)) before.focus({ preventScroll: true });
    });
  }

  function showPlace(map, group, layer) {
    map.addLayer(group);
    if (layer.getBounds) map.fitBounds(layer.getBounds(), { maxZoom: 12, animate: false });
    else map.setView(layer.getLatLng(), Math.max(map.getZoom(), 12), { animate: false });
    map.getContainer().scrollIntoView({ block: "nearest" });
    layer.openPopup();
  }

  function linkTables(map, { groups, communes, leftOut }, years) {
    const link = (name, number, show) => {
      const button = document.querySelector(`[data-${name}="${number}"]`);
      if (button) button.addEventListener("click", show);
    };
    for (const group of groups) {
      group.eachLayer((marker) => link("site", marker.options.site, () => {
        years.reveal(marker);
        showPlace(map, group, marker);
      }));
    }
    for (const [name, group] of [["commune", communes], ["left", leftOut]]) {
      if (group) group.eachLayer((layer) => link(name, layer.feature.id, () => showPlace(map, group, layer)));
    }
  }

  /* A name as one types it: no accents, no capitals, no hyphens. */
  function bare(text) {
    const plain = text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/œ/g, "oe").replace(/æ/g, "ae");
    return plain.replace(/[^a-z0-9]+/g, " ").trim().replace(/\bst(e?)\b/g, "saint$1");
  }

  function searchCommunes(map, communes) {
    const field = document.getElementById("recherche");
    if (!field) return;
    const notice = document.getElementById("recherche-avis");
    const known = [...document.querySelectorAll("#recherche-communes option")];
    const find = (test) => known.filter((option) => test(bare(option.value), bare(field.value)));
    const go = () => {
      notice.textContent = "";
      if (!field.value.trim()) return;
      let found = known.filter((option) => option.value === field.value);
      if (!found.length) found = find((name, asked) => name === asked);
      if (!found.length) found = find((name, asked) => asked && name.includes(asked));
      if (found.length === 1) {
        const number = Number(found[0].dataset.number);
        showPlace(map, communes, communes.getLayers().find((layer) => layer.feature.id === number));
      } else if (found.length) {
        notice.textContent = notice.dataset.several.replace("{names}", () => found.map((option) => option.value).join(", "));
      } else {
        notice.textContent = notice.dataset.unknown.replace("{name}", () => field.value);
      }
    };
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); go(); } });
    field.addEventListener("input", ({ inputType }) => {
      notice.textContent = "";
      const chosen = !inputType || inputType === "insertReplacementText";
      if (chosen && known.some((option) => option.value === field.value)) go();
    });
  }

  /* The sites open in a year, and their reach in place of the zones; the last year is the plan. */
  function followYears({ groups, zones, reach }, place) {
    const slider = document.getElementById("annee");
    if (!slider) return { reveal() {} };
    const last = Number(slider.max);
    const marks = groups.map((group) => [group, group.getLayers()]);
    const whole = zones.map((zone) => [zone, zone.getLayers(), zone.getLayers()[0].feature.properties.sites]);
    const opens = new Map(marks.flatMap(([, all]) => all.map(({ options }) => [options.site, options.opens || 1])));
    const lines = [...document.querySelectorAll("#annees li")];
    const note = document.getElementById("annee-note");
    const show = () => {
      const year = Number(slider.value);
      for (const [group, all] of marks) {
        for (const mark of all) {
          if (opens.get(mark.options.site) <= year) group.addLayer(mark);
          else group.removeLayer(mark);
        }
      }
      for (const [zone, all, sites] of whole) {
        zone.clearLayers();
        if (year === last) all.forEach((shape) => zone.addLayer(shape));
        else reach.eachLayer((shape) => {
          const { site } = shape.feature.properties;
          if (!sites.includes(site) || opens.get(site) > year) return;
          zone.addLayer(L.polygon(shape.getLatLngs(), { ...all[0].options, weight: 1, opacity: 0.6 }));
        });
      }
      lines.forEach((line, n) => { line.hidden = n + 1 !== year; });
      slider.setAttribute("aria-valuetext", [...lines[year - 1].children].map((part) => part.textContent).join(" : "));
      note.hidden = year === last;
      place();
    };
    slider.addEventListener("input", show);
    show();
    return {
      reveal({ options: { site } }) {
        if (opens.get(site) <= Number(slider.value)) return;
        slider.value = opens.get(site);
        show();
      },
    };
  }

  function tellTiles(tiles) {
    const notice = document.getElementById("avis");
    tiles.on("tileerror", () => {
      notice.textContent = "Plan IGN indisponible : il lui faut un accès à Internet.";
      notice.hidden = false;
    });
    tiles.on("tileload remove", () => { notice.hidden = true; });
  }

  function start({ map, bounds, legend, ...layers }) {
    const { tiles, reach, communes, groups } = layers;
    const fit = () => {
      const { x, y } = map.getSize();
      if (Math.min(x, y) > 2 * EDGE) map.fitBounds(bounds, { padding: [EDGE, EDGE], animate: false });
    };
    const place = () => { partMarks(map, groups); placeNames(map); };
    map.getContainer().setAttribute("role", "region");
    map.getContainer().setAttribute("aria-label", "Carte du réseau de sites");
    document.getElementById("legende").append(legend.getContainer());
    addControls(map, fit);
    keepInView(map, fit);
    showReach(map, reach);
    handleFocus(map);
    linkTables(map, layers, followYears(layers, place));
    searchCommunes(map, communes);
    if (tiles) tellTiles(tiles);
    map.on("moveend layeradd layerremove", ({ layer }) => { if (!layer || layer.eachLayer) place(); });
    place();
    carte.show = () => { map.invalidateSize({ pan: false }); fit(); place(); };
    carte.openCommune = (code) => {
      const found = communes.getLayers().find((layer) => plain(layer.feature.properties.code) === String(code));
      if (found) showPlace(map, communes, found);
      return Boolean(found);
    };
  }

  return { start, feature, POPUP };
})();
