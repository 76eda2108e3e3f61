import type { Dtype } from '@kvferry/core';

/** LMCache's names of torch's element types, as they stand in keys from 0.3.14 on. */
export const lmcacheDtypeNames: Readonly<Record<Dtype, string>> = {
  float16: 'half',
  bfloat16: 'bfloat16',
  float32: 'float',
  float64: 'double',
  uint8: 'uint8',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
  float8_e4m3fn: 'fp8_e4m3fn',
  float8_e4m3fnuz: 'fp8_e4m3fnuz',
  float8_e5m2: 'fp8_e5m2',
  float8_e5m2fnuz: 'fp8_e5m2fnuz',
};
