import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findBrowser, startBrowser } from '../testing/browser.ts';

/**
 * The picture of a report in the README: `node apps/bench/src/report/screenshot.ts FOLDER docs/images/bench-report.png`, where FOLDER is what
 * `kvferry-bench run --out` has written.
 */
const SIZE = { width: 1200, height: 1240 };
/** The picture ends below this figure. */
const LAST = '#sweep-latency';

const [folder, picture] = process.argv.slice(2);
if (folder === undefined || picture === undefined) {
  console.error('usage: screenshot.ts FOLDER PICTURE.png');
  process.exit(2);
}
const found = findBrowser();
if (found.status === 'missing') {
  console.error(found.reason);
  process.exit(1);
}

const browser = await startBrowser(found.path);
try {
  const page = await browser.context.newPage();
  await page.setViewportSize(SIZE);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(pathToFileURL(join(resolve(folder), 'report.html')).href);
  const last = await page
    .locator(LAST)
    .boundingBox({ timeout: 1000 })
    .catch(() => null);
  const height = last === null ? SIZE.height : Math.ceil(last.y + last.height) + 24;
  await page.screenshot({ path: picture, fullPage: true, clip: { x: 0, y: 0, width: SIZE.width, height } });
} finally {
  await browser.close();
}
