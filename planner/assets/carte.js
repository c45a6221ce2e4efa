/* What the map does beyond Folium's own script: French controls, the legend in the panel, names
   that do not overlap, the reach of the site one looks at, tables that lead to the map, keys. */
const carte = (() => {
  "use strict";

  const POPUP = { maxWidth: 300, minWidth: 220, autoPanPadding: [24, 24] };
  const EDGE = 18; // pixels between the territory and the frame; a hidden map has no room for them
  const APART = 18; // pixels between two marks, so that each is seen and clicked
  const WAYS = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]];
  const NAME_OFFSETS = [0, 20, -20, 32, -32];

  function commune(feature, layer) {
    layer.bindTooltip(feature.properties.tooltip, { sticky: true });
    layer.bindPopup(feature.properties.popup, POPUP);
  }

  function residents(feature, layer) {
    layer.bindTooltip(feature.properties.tooltip);
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

  function open(map, layer) {
    map.getContainer().scrollIntoView({ block: "nearest" });
    layer.openPopup();
  }

  function showCommune(map, communes, layer) {
    map.addLayer(communes);
    if (layer.getBounds) map.fitBounds(layer.getBounds(), { maxZoom: 12, animate: false });
    else map.setView(layer.getLatLng(), 12, { animate: false });
    open(map, layer);
  }

  function linkTables(map, groups, communes) {
    for (const group of groups) {
      group.eachLayer((marker) => {
        const button = document.querySelector(`[data-site="${marker.options.site}"]`);
        if (button) button.addEventListener("click", () => {
          map.addLayer(group).setView(marker.getLatLng(), Math.max(map.getZoom(), 12), { animate: false });
          open(map, marker);
        });
      });
    }
    communes.eachLayer((layer) => {
      const button = document.querySelector(`[data-commune="${layer.feature.id}"]`);
      if (button) button.addEventListener("click", () => showCommune(map, communes, layer));
    });
  }

  function tellTiles(tiles) {
    const notice = document.getElementById("avis");
    tiles.on("tileerror", () => {
      notice.textContent = "Plan IGN indisponible : il lui faut un accès à Internet.";
      notice.hidden = false;
    });
    tiles.on("tileload remove", () => { notice.hidden = true; });
  }

  function start({ map, bounds, legend, tiles, reach, communes, groups }) {
    const fit = () => {
      const { x, y } = map.getSize();
      if (Math.min(x, y) > 2 * EDGE) map.fitBounds(bounds, { padding: [EDGE, EDGE], animate: false });
    };
    map.getContainer().setAttribute("role", "region");
    map.getContainer().setAttribute("aria-label", "Carte du réseau de sites");
    document.getElementById("legende").append(legend.getContainer());
    addControls(map, fit);
    keepInView(map, fit);
    showReach(map, reach);
    handleFocus(map);
    linkTables(map, groups, communes);
    if (tiles) tellTiles(tiles);
    const place = () => { partMarks(map, groups); placeNames(map); };
    map.on("moveend layeradd layerremove", ({ layer }) => { if (!layer || layer.eachLayer) place(); });
    place();
    carte.show = () => { map.invalidateSize({ pan: false }); fit(); place(); };
    carte.openCommune = (code) => {
      const found = communes.getLayers().find((layer) => plain(layer.feature.properties.code) === String(code));
      if (found) showCommune(map, communes, found);
      return Boolean(found);
    };
  }

  return { start, commune, residents, POPUP };
})();
