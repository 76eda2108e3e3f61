import { describe, expect, test } from 'vitest';
import { behaviours } from '../testing/behaviours.ts';
import { errorOf, patterned } from '../testing/values.ts';
import { memoryBackend } from './memory.ts';

describe('a memory backend', () => {
  for (const { title, run } of behaviours) {
    test(title, async () => {
      const backend = memoryBackend();
      await backend.open();
      await run(backend);
      await backend.close();
    });
  }

  test('refuses a value above its limit and keeps the old one', async () => {
    const backend = memoryBackend({ namespace: 'small', maxValueBytes: 4 });
    await backend.open();
    await backend.put([{ key: 'k', parts: [patterned(4, 1)] }]);
    const [result] = await backend.put([{ key: 'k', parts: [patterned(3, 1), patterned(2, 1)] }]);
    expect(errorOf(result)).toMatchObject({ code: 'TOO_LARGE', backend: 'memory://small' });
    expect(await backend.stat(['k'])).toMatchObject([{ status: 'hit', byteLength: 4 }]);
  });

  test('names the option that is wrong', () => {
    expect(() => memoryBackend({ maxValueBytes: -1 })).toThrow(/CONFIG_INVALID.*maxValueBytes/);
    expect(() => memoryBackend({ maxBytes: 1 } as never)).toThrow(/CONFIG_INVALID.*"maxBytes".*maxValueBytes/);
    expect(() => memoryBackend(null as never)).toThrow(/CONFIG_INVALID/);
  });
});
