/**
 * A tensor: its type and shape, and a picture of an array with two dimensions.
 */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Picture, pictureOf, type Tensor } from "../preview/tensor.ts";

const SIDE_MAX = 512;
const SHOWN_WIDTH = 480;

export function TensorPreview({ tensor }: { tensor: Tensor }) {
  const picture = useMemo(() => pictureOf(tensor, SIDE_MAX), [tensor]);
  const shape = tensor.shape.length === 0 ? "one number" : tensor.shape.join(" × ");
  const [rows = 0] = tensor.shape;
  return (
    <>
      <p class="preview-kind">
        Tensor · {tensor.elementType} · {shape}
      </p>
      {picture !== undefined && (
        <Canvas picture={picture} label={`${shape} array of ${tensor.elementType}`} />
      )}
      {picture !== undefined && picture.rows < rows && (
        <p class="notice">
          The picture has the first {picture.rows} of {rows} rows.
        </p>
      )}
      {picture === undefined && (
        <p class="notice">Only arrays with two dimensions, or of colours, have a picture.</p>
      )}
    </>
  );
}

function Canvas({ picture, label }: { picture: Picture; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, pixels, range } = picture;
  useEffect(() => {
    const image = new ImageData(width, height);
    image.data.set(pixels);
    canvas.current!.getContext("2d")!.putImageData(image, 0, 0);
  }, [picture]);
  const scale = Math.max(1, Math.floor(SHOWN_WIDTH / Math.max(width, height)));
  const text = range === undefined ? "" : `, from ${shortNumber(range.min)} to ${shortNumber(range.max)}`;
  return (
    <figure class="tensor">
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label={`Picture of the ${label}${text}`}
        style={{ width: `${width * scale}px` }}
      />
      {range !== undefined && (
        <figcaption>
          {shortNumber(range.min)}
          <span class="shades" />
          {shortNumber(range.max)}
        </figcaption>
      )}
    </figure>
  );
}

function shortNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : value.toPrecision(4);
}
