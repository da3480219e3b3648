// The microphone: its samples, as they come, at its own rate.

const WORKLET = `registerProcessor('samples', class extends AudioWorkletProcessor {
  process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true; }
});`;
const PLAIN = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

// take(samples) is called with each piece; gives {rate, stop()}. Raises what getUserMedia does where it is refused.
export async function openMicrophone(take) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('no microphone', 'NotSupportedError');
  const stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
  const context = new AudioContext();
  const source = context.createMediaStreamSource(stream);
  const node = await listener(context, take);
  source.connect(node);
  node.connect(context.destination); // both give silence, but only connected nodes run
  await context.resume();
  return {
    rate: context.sampleRate,
    async stop() {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
    },
  };
}

async function listener(context, take) {
  const url = URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' }));
  try {
    await context.audioWorklet.addModule(url);
    const node = new AudioWorkletNode(context, 'samples');
    node.port.onmessage = ({ data }) => take(data);
    return node;
  } catch { // a page opened from a disk may load no worklet from a Blob: there the older node, on the page's own thread
    const node = context.createScriptProcessor(2048, 1, 1);
    node.onaudioprocess = ({ inputBuffer }) => take(inputBuffer.getChannelData(0).slice());
    return node;
  } finally {
    URL.revokeObjectURL(url);
  }
}
