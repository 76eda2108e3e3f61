import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContext } from 'playwright-core';
import { expect } from 'vitest';
import { findBrowser, startBrowser } from '../../testing/browser.ts';
import { reportHtml } from '../report-html.ts';
import type { RecordedRun } from '../run-data.ts';
import { inspectPage } from './inspect-page.ts';

export interface View {
  readonly width: number;
  readonly colorScheme: 'light' | 'dark';
}

/**
 * Opens reports in a browser as files, in all views: nothing may scroll sideways, overflow, be pale or lie upon another, every figure is there, and nothing is asked
 * for but the file. Where there is no browser, `skip` is told the ways to have one.
 */
export async function checkInBrowser(
  reports: Readonly<Record<string, readonly RecordedRun[]>>,
  views: readonly View[],
  skip: (reason: string) => void,
): Promise<void> {
  const found = findBrowser();
  if (found.status === 'missing') {
    console.warn(`Skipped: ${found.reason}`);
    skip(found.reason);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-report-'));
  try {
    const browser = await startBrowser(found.path);
    try {
      for (const [name, runs] of Object.entries(reports)) {
        const path = join(folder, 'report.html');
        await writeFile(path, reportHtml(runs));
        await check(browser.context, name, pathToFileURL(path).href, views);
      }
    } finally {
      await browser.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function check(context: BrowserContext, name: string, url: string, views: readonly View[]): Promise<void> {
  const page = await context.newPage();
  const requests: string[] = [];
  const messages: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(String(error)));
  await page.goto(url);
  for (const { width, colorScheme } of views) {
    const view = `${name}, ${width} pixels wide, ${colorScheme}`;
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const { figures, ...findings } = await page.evaluate(inspectPage);
    expect(findings, view).toEqual({ scrollsSideways: false, overflowing: [], pale: [], covered: [] });
    expect(figures.length, view).toBeGreaterThan(5);
    for (const { id, sizes } of figures) {
      expect(sizes, `${id} in ${view}`).toHaveLength(1);
      expect(sizes[0]?.width, `${id} in ${view}`).toBeGreaterThan(300);
      expect(sizes[0]?.height, `${id} in ${view}`).toBeGreaterThan(90);
    }
  }
  // The empty icon of the page itself is data.
  const elsewhere = requests.filter((request) => !request.startsWith('data:'));
  expect(elsewhere, name).toEqual([url]);
  expect(messages, name).toEqual([]);
  await page.close();
}
