// The camera: one picture after the other, as the network has time for them.

// Gives {picture(), stop()}; picture() is {width, height, data} or null before the first. Raises what getUserMedia
// does where it is refused.
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('no camera', 'NotSupportedError');
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 640 } } });
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  return {
    picture: () => (video.videoWidth ? pixelsOf(video, video.videoWidth, video.videoHeight) : null),
    stop() { stream.getTracks().forEach((track) => track.stop()); video.srcObject = null; },
  };
}

const LARGEST = 1024; // longest side that is looked at

// A picture file -> {width, height, data: RGBA bytes}, turned as its orientation tag says.
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file);
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

function pixelsOf(source, wide, high) {
  const factor = Math.min(1, LARGEST / Math.max(wide, high));
  const [width, height] = [wide, high].map((side) => Math.max(1, Math.round(side * factor)));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, width, height);
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}
