// What the page is sent of a drive: N futures, how much they differ, the recording, and a head.

/** Return the head and the bytes of a message about a drive. */
export function picture(drive, fullSpread) {
  const { samples, recorded, info } = drive,
    { data } = drive.at.frames,
    [channels, height, width] = info.frame_shape,
    area = height * width;
  const spread = samples > 1,
    bytes = new Uint8Array(area * (3 * samples + (spread ? 1 : 0) + (recorded ? 3 : 0)));
  for (let n = 0; n < samples; n++)
    for (let i = 0; i < area; i++)
      for (let c = 0; c < 3; c++)
        bytes[(n * area + i) * 3 + c] = asByte(
          data[(n * channels + Math.min(c, channels - 1)) * area + i],
        );
  if (spread) spreadInto(bytes.subarray(3 * samples * area), drive, fullSpread);
  if (recorded) bytes.set(recorded, bytes.length - 3 * area);
  const past = drive.manifest.n_past;
  const head = {
    step: drive.at.step - past,
    samples,
    spread,
    truth: recorded !== null,
    psnr: recorded && drive.at.step > past ? psnr(data, recorded, channels, area) : null,
    can_undo: drive.moments.length,
    row: drive.at.step,
    rows: drive.start.frames.length,
    recorded: true,
    kept: null,
    begins: drive.number,
  };
  return { head, bytes };
}

const asByte = (value) => Math.round(Math.min(1, Math.max(0, value)) * 255);

/** Write the standard deviation over the futures, the mean of the colours, a byte per pixel. */
function spreadInto(out, { samples, at, info }, full) {
  const [channels, height, width] = info.frame_shape,
    area = height * width,
    { data } = at.frames;
  for (let i = 0; i < area; i++) {
    let whole = 0;
    for (let c = 0; c < channels; c++) {
      let sum = 0,
        squares = 0;
      for (let n = 0; n < samples; n++) {
        const value = data[(n * channels + c) * area + i];
        sum += value;
        squares += value * value;
      }
      whole += Math.sqrt(Math.max(0, squares / samples - (sum / samples) ** 2));
    }
    out[i] = asByte(whole / channels / full);
  }
}

/** PSNR in dB of future 0 to a picture of bytes. */
function psnr(data, bytes, channels, area) {
  let sum = 0;
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) sum += (data[c * area + i] - bytes[i * 3 + c] / 255) ** 2;
  return 10 * Math.log10((channels * area) / Math.max(sum, 1e-10));
}
