// Where the built pages are, for the server that hands them out: `npm run dashboard` writes them into dist/dashboard/pages,
// two steps beside this file both as src/dashboard/assets.ts and as dist/dashboard/assets.js.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TenfoldError } from '../base/errors.ts'

/**
 * The directory that holds index.html and assets/.
 * @throws not-found when the pages were never built.
 */
export function dashboardDir(): string {
  const dir = fileURLToPath(new URL('../../dist/dashboard/pages', import.meta.url))
  if (!existsSync(`${dir}/index.html`))
    throw new TenfoldError(
      'not-found',
      `the dashboard is not built: ${dir} has no index.html; run \`npm run dashboard\``,
    )
  return dir
}
