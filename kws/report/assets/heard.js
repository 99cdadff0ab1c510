// SPDX-License-Identifier: Apache-2.0
// The picture of one recording in a notebook.
"use strict";

const heard = JSON.parse(document.getElementById("data").textContent);
for (const r of heard.recordings) {
  r.pieces = (r.sounds || []).map(([start_s, text]) => ({ start_s, data: text }));
  showRecording(document.getElementById("recording"), r, heard);
}
