// SPDX-License-Identifier: Apache-2.0
// One recording opened: its plot with zoom and player, and the list of what went wrong when.
"use strict";

function showRecording(place, recording, common) {
  const canvas = document.createElement("canvas"), controls = document.createElement("div");
  canvas.className = "plot"; controls.className = "controls";
  canvas.setAttribute("aria-label", `waveform, posteriors and events of ${recording.name}`);
  const plot = new Plot(canvas, recording, common);
  const time = document.createElement("output");
  const button = (text, label, act) => {
    const node = document.createElement("button");
    node.type = "button"; node.textContent = text; node.setAttribute("aria-label", label);
    node.addEventListener("click", act);
    return node;
  };
  const isLong = plot.all[1] - plot.all[0] > 20;
  let resume_s = null;
  const owner = {
    onTime(t) { resume_s = t; time.value = `${clock(t, 1)} s`; plot.setHead(t); },
    onEnd(isOver) {
      playing.textContent = "▶ play";
      if (isOver) { resume_s = null; plot.setHead(null); } // the next play begins where the first one did
    },
  };
  const start = (from_s, until_s = Infinity) => {
    if (player.play(recording.pieces, from_s, until_s, owner)) playing.textContent = "❚❚ pause";
  };
  const playing = button("▶ play", "play or pause", () => {
    if (player.owner === owner) player.stop();
    else start(resume_s === null ? Math.max(plot.view[0], 0) : resume_s);
  });
  playing.className = "main";
  if (recording.pieces.length) controls.append(playing, time);
  else controls.append("no sound in this page");
  const zoom = document.createElement("span");
  zoom.className = "zoom";
  zoom.append(button("−", "zoom out", () => plot.zoom(2)), button("+", "zoom in", () => plot.zoom(0.5)),
              button("all", "the whole recording", () => plot.show(...plot.all)));
  controls.append(zoom, legend(recording, common));
  plot.onPick = (t) => { resume_s = t; plot.setHead(t); if (player.owner === owner) start(t); };
  canvas.addEventListener("keydown", (e) => {
    const length = plot.view[1] - plot.view[0];
    const act = { ArrowLeft: () => plot.show(plot.view[0] - length / 4, plot.view[1] - length / 4),
                  ArrowRight: () => plot.show(plot.view[0] + length / 4, plot.view[1] + length / 4),
                  "+": () => plot.zoom(0.5), "-": () => plot.zoom(2), " ": () => playing.click() }[e.key];
    if (act) { e.preventDefault(); act(); }
  });
  place.append(canvas);
  if (isLong) {
    const strip = document.createElement("canvas");
    strip.className = "overview"; strip.setAttribute("aria-label", "the whole recording; a click goes there");
    place.append(strip);
    new Overview(strip, plot);
  }
  place.append(controls);
  const moments = momentsOf(recording).sort((a, b) => a[1] - b[1]), look = (at) => plot.show(at - 3, at + 3);
  if (moments.length) place.append(listOfMoments(moments, isLong, (at) => {
    if (at !== null && isLong) look(at);
    start(at === null ? 0 : Math.max(0, at - 2), at === null ? Infinity : at + 2);
  }, recording.pieces.length > 0));
  plot.open().then(() => { if (isLong && moments.length && moments[0][1] !== null) look(moments[0][1]); else plot.show(...plot.all); });
  return plot;
}

// What one wants to go to: the mistakes, or in a recording without truth the events.
function momentsOf(recording) {
  if (recording.mistakes.length || recording.windows.length || recording.expected !== null) return [...recording.mistakes];
  return recording.events.map(([label, at]) => [label, at]);
}

function listOfMoments(moments, isLong, go, hasSound) {
  const list = document.createElement("ul");
  list.className = "moments";
  for (const [what, at] of moments) {
    const node = document.createElement("button"), item = document.createElement("li");
    node.type = "button";
    node.textContent = `${hasSound ? "▶ " : ""}${at === null ? "" : `${clock(at, 2)}${at < 60 ? " s" : ""}  `}${what}`;
    node.addEventListener("click", () => go(at));
    item.append(node);
    list.append(item);
  }
  return list;
}

function legend(recording, common) {
  const place = document.createElement("span");
  place.className = "legend";
  for (const label of recording.plot.labels) {
    const entry = document.createElement("span"), sample = document.createElement("i");
    sample.style.background = `var(--hue-${common.hues[label]})`;
    entry.append(sample, label);
    place.append(entry);
  }
  return place;
}
