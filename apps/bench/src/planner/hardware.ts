/** An accelerator that prefills. */
export interface Accelerator {
  /** As `--hardware` takes it. */
  readonly name: string;
  readonly words: string;
  /** Dense BF16 at its peak, in TFLOPS: without the sparsity that no served model has. */
  readonly denseBf16Tflops: number;
  /** When the figure was last held against what others quote from the vendor's document. */
  readonly date: string;
  /** The vendor's document, and what it says. */
  readonly source: string;
}

/** The accelerator of the plan unless another is asked for. */
export const DEFAULT_HARDWARE = 'h100-sxm';

/** Accelerators that are known by name. Each holds the model alone, as the model table has it: one rank. */
export const ACCELERATORS: readonly Accelerator[] = [
  {
    name: 'h100-sxm',
    words: 'NVIDIA H100 SXM',
    denseBf16Tflops: 989.5,
    date: '2026-11-26',
    source: 'https://www.nvidia.com/en-us/data-center/h100/ (1,979 TFLOPS with sparsity, half of it dense)',
  },
  {
    name: 'h200-sxm',
    words: 'NVIDIA H200 SXM',
    denseBf16Tflops: 989.5,
    date: '2026-11-26',
    source: 'https://www.nvidia.com/en-us/data-center/h200/ (1,979 TFLOPS with sparsity, half of it dense)',
  },
  {
    name: 'a100-80g-sxm',
    words: 'NVIDIA A100 80 GB SXM',
    denseBf16Tflops: 312,
    date: '2026-11-26',
    source: 'https://www.nvidia.com/en-us/data-center/a100/ (312 TFLOPS, 624 with sparsity)',
  },
  {
    name: 'b200',
    words: 'NVIDIA B200 (HGX, 1,000 W)',
    denseBf16Tflops: 2250,
    date: '2026-11-26',
    source: 'https://www.nvidia.com/en-us/data-center/hgx/ (4.5 PFLOPS a GPU with sparsity, half of it dense)',
  },
  {
    name: 'l40s',
    words: 'NVIDIA L40S',
    denseBf16Tflops: 362.05,
    date: '2026-11-26',
    source: 'https://www.nvidia.com/en-us/data-center/l40s/ (362.05 TFLOPS, 733 with sparsity)',
  },
  {
    name: 'mi300x',
    words: 'AMD Instinct MI300X',
    denseBf16Tflops: 1307.4,
    date: '2026-11-26',
    source: 'https://www.amd.com/en/products/accelerators/instinct/mi300/mi300x.html (1,307.4 TFLOPS)',
  },
];

/** The names that `--hardware` takes. */
export const hardwareNames: readonly string[] = ACCELERATORS.map(({ name }) => name);

/** Finds an accelerator by its name, whatever the case; `undefined` for any other. */
export function findAccelerator(name: string): Accelerator | undefined {
  const wanted = name.toLowerCase();
  return ACCELERATORS.find((each) => each.name === wanted);
}
