// A file as sound: WAV is read here, to the sample; other formats as far as the browser knows them.
import { mix } from './clip.js';
import { resample } from './resample.js';

const LARGEST = 64 << 20; // bytes
export const LONGEST = 600; // seconds
const DECODED = 48000; // Hz at which the browser gives other formats

// What cannot be heard; `key` and `values` are for say().
export class BadRecording extends Error {
  constructor(key, values = {}) {
    super(key);
    Object.assign(this, { key, values });
  }
}

// A file -> (samples,) floats at 16 kHz. Raises BadRecording.
export async function readRecording(file) {
  if (file.size > LARGEST) throw new BadRecording('soundBad');
  const bytes = await file.arrayBuffer();
  const { rate, channels } = readWav(bytes) ?? await decoded(bytes);
  if (!channels.length || !channels[0].length || channels.some((channel) => !channel.every(Number.isFinite))) throw new BadRecording('soundBad');
  const seconds = channels[0].length / rate;
  if (seconds > LONGEST) throw new BadRecording('soundLong', { seconds: Math.round(seconds), most: LONGEST });
  return resample(mix(channels), rate);
}

async function decoded(bytes) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, DECODED).decodeAudioData(bytes);
    return { rate: buffer.sampleRate, channels: Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i)) };
  } catch {
    throw new BadRecording('soundBad');
  }
}

const READERS = {
  '1/8': [1, (view, at) => (view.getUint8(at) - 128) / 128],
  '1/16': [2, (view, at) => view.getInt16(at, true) / 2 ** 15],
  '1/24': [3, (view, at) => (view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getInt8(at + 2) << 16)) / 2 ** 23],
  '1/32': [4, (view, at) => view.getInt32(at, true) / 2 ** 31],
  '3/32': [4, (view, at) => view.getFloat32(at, true)],
  '3/64': [8, (view, at) => view.getFloat64(at, true)],
};

// {rate, channels} of a WAV file of plain samples, or null.
export function readWav(bytes) {
  const view = new DataView(bytes);
  const name = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') return null;
  let [reader, count, rate] = [null, 0, 0];
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const [kind, size] = [name(at), Math.min(view.getUint32(at + 4, true), bytes.byteLength - at - 8)];
    const body = at + 8;
    if (kind === 'fmt ' && size >= 16) {
      const form = view.getUint16(body, true);
      [count, rate] = [view.getUint16(body + 2, true), view.getUint32(body + 4, true)];
      reader = READERS[`${form === 0xfffe && size >= 26 ? view.getUint16(body + 24, true) : form}/${view.getUint16(body + 14, true)}`];
    } else if (kind === 'data') {
      if (!reader || !count || rate < 1000 || rate > 768000) return null;
      const [width, read] = reader;
      const length = Math.floor(size / (width * count));
      return { rate, channels: Array.from({ length: count }, (_, c) => Float32Array.from({ length }, (_unused, i) => read(view, body + (i * count + c) * width))) };
    }
    at = body + size + (size & 1);
  }
  return null;
}
