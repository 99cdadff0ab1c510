// SPDX-License-Identifier: Apache-2.0
// Sound of a recording: pieces that can be played in step with a plot, and their spectrogram.
"use strict";

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// One player for the whole page: starting another sound stops the one before.
const player = {
  element: new Audio(), owner: null, offset_s: 0, until_s: Infinity, url: null,

  // pieces: start_s and base64 FLAC; the owner's onTime is told where the sound is, onEnd that it stopped, or was over.
  play(pieces, from_s, until_s, owner) {
    this.stop();
    const piece = pieces.filter((p) => p.start_s <= from_s + 0.05).pop() || pieces[0];
    if (!piece) return false;
    this.owner = owner; this.offset_s = piece.start_s; this.until_s = until_s;
    this.url = URL.createObjectURL(new Blob([bytesOf(piece.data)], { type: "audio/flac" }));
    const element = new Audio(this.url);
    this.element = element;
    element.currentTime = Math.max(0, from_s - piece.start_s);
    element.onended = () => this.element === element && this.stop(true);
    element.play().then(() => this.element === element && this.tick(), () => this.element === element && this.stop());
    return true;
  },

  tick() {
    if (!this.owner) return;
    const now_s = this.offset_s + this.element.currentTime;
    this.owner.onTime(now_s);
    if (now_s >= this.until_s) this.stop();
    else requestAnimationFrame(() => this.tick());
  },

  stop(isOver = false) {
    const owner = this.owner;
    this.owner = null;
    this.element.pause();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    if (owner) owner.onEnd(isOver);
  },
};

// Samples of a piece, decoded once, at the rate it was recorded at.
async function decoded(piece, rate_hz) {
  if (!piece.samples) {
    const context = new OfflineAudioContext(1, 1, rate_hz);
    const buffer = await context.decodeAudioData(bytesOf(piece.data).buffer);
    piece.samples = buffer.getChannelData(0);
  }
  return piece.samples;
}

const FFT = 512;
const hann = Float32Array.from({ length: FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));
const cosines = Float32Array.from({ length: FFT / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / FFT));
const sines = Float32Array.from({ length: FFT / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / FFT));
const reversed = Uint16Array.from({ length: FFT }, (_, i) => parseInt(i.toString(2).padStart(9, "0").split("").reverse().join(""), 2));

// Power of FFT / 2 bins of the window around a sample, in dB of full scale.
function spectrum(samples, middle, out) {
  const re = new Float32Array(FFT), im = new Float32Array(FFT), first = Math.round(middle) - FFT / 2;
  for (let i = 0; i < FFT; i++) re[reversed[i]] = (samples[first + i] || 0) * hann[i];
  for (let half = 1; half < FFT; half *= 2) {
    const stride = FFT / (2 * half);
    for (let block = 0; block < FFT; block += 2 * half) {
      for (let k = 0; k < half; k++) {
        const a = block + k, b = a + half, c = cosines[k * stride], s = -sines[k * stride];
        const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
        re[b] = re[a] - x; im[b] = im[a] - y; re[a] += x; im[a] += y;
      }
    }
  }
  for (let k = 0; k < FFT / 2; k++) out[k] = 10 * Math.log10((re[k] * re[k] + im[k] * im[k]) / (FFT * FFT / 16) + 1e-12);
}

// Which bin a row of a spectrogram shows: mel-spaced, low notes at the bottom.
function binOfRow(row, rows, rate_hz) {
  const mel = (hz) => 1127 * Math.log(1 + hz / 700), top = mel(rate_hz / 2);
  const hz = 700 * (Math.exp((top * (rows - 0.5 - row)) / rows / 1127) - 1);
  return Math.min(FFT / 2 - 1, Math.round((hz * FFT) / rate_hz));
}
