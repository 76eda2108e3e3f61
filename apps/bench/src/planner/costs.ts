import type { ModelFacts } from '../results/records.ts';
import type { CostSummary } from '../results/summary.ts';
import type { PriceList } from './prices.ts';

/** What was asked of a store, for its price. */
export interface StoreUse {
  /** LIST counts as one. */
  readonly puts: number;
  readonly gets: number;
  /** HEAD and the like. DELETE is free, and does not count. */
  readonly others: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** The most requests that a lookup takes, for prompts of up to 512 chunks: the bound that the tests of the cache's search hold it to. */
export const MOST_LOOKUP_PROBES = 24;
const GIB = 1024 ** 3;
/** Values above the first are read in ranges of the second, as the backend for S3 does by default. S3 Express begins with it later, which its GETs hardly cost. */
const WHOLE_BYTES = 64 * 1024 ** 2;
const RANGE_BYTES = 16 * 1024 ** 2;

/** Requests that reading a chunk of this length takes. */
export function readsOf(chunkBytes: number): number {
  return chunkBytes <= WHOLE_BYTES ? 1 : Math.ceil(chunkBytes / RANGE_BYTES);
}

/** What requests and transfer cost, in dollars, without storage. */
export function dollarsFor(prices: PriceList, use: StoreUse): number {
  return requestDollars(prices, use) + transferDollars(prices, use);
}

/**
 * What one hit costs: `chunks × GET + probes × HEAD + bytes × retrieval`, where a chunk of more than 64 MiB takes a GET for each of its ranges, and a lookup probes
 * every chunk at most, and {@link MOST_LOOKUP_PROBES} of them; and what it costs to keep those tokens for a month. Tokens are rounded up to whole chunks.
 */
export function costOfHit(
  prices: PriceList,
  model: Pick<ModelFacts, 'chunkTokens' | 'chunkBytes'>,
  tokens: number,
): CostSummary {
  const chunks = Math.ceil(tokens / model.chunkTokens);
  const bytes = chunks * model.chunkBytes;
  const gets = chunks * readsOf(model.chunkBytes);
  const use = { puts: 0, gets, others: Math.min(chunks, MOST_LOOKUP_PROBES), bytesUp: 0, bytesDown: bytes };
  return {
    service: prices.service,
    region: prices.region,
    tokens,
    requestDollars: requestDollars(prices, use),
    transferDollars: transferDollars(prices, use),
    hitDollars: dollarsFor(prices, use),
    storageDollarsPerMonth: (bytes / GIB) * prices.storagePerGibMonth,
    priceDate: prices.date,
    priceSource: prices.source,
  };
}

function requestDollars(prices: PriceList, { puts, gets, others }: StoreUse): number {
  return (puts * prices.perThousandPuts + gets * prices.perThousandGets + others * prices.perThousandOthers) / 1000;
}

function transferDollars(prices: PriceList, { bytesUp, bytesDown }: StoreUse): number {
  return (bytesUp / GIB) * prices.uploadPerGib + (bytesDown / GIB) * prices.retrievalPerGib;
}
