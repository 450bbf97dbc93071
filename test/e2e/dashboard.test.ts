// The dashboard in a real browser over the real system: the photo app on rung 1, climbed by pressing the button.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { RunningSystem, repository } from '../running-system.ts'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const hasBrowser = await access(executablePath).then(
  () => true,
  () => false,
)
/** On a build machine a missing browser is a failure: a suite that skips there checks nothing. */
const skip =
  hasBrowser || process.env['CI'] === 'true'
    ? false
    : `no browser at ${executablePath}: install Chromium, or name one in $CHROMIUM`

const refusedToken = { expected: /401/ }
const seenTimeoutMs = 30_000
const climbTimeoutMs = 120_000

let system: RunningSystem
let browser: Browser
let dashboardUrl: string

before(async () => {
  if (skip) return
  assert.ok(hasBrowser, `no browser at ${executablePath}, and CI=true: install Chromium, or name one in $CHROMIUM`)
  await buildPages()
  system = await RunningSystem.prepare()
  const firstLine = (await system.tenfold('up', '--detach')).stdout.split('\n')[0] ?? ''
  const found = /dashboard (http:\/\/\S+#token=\S+)/.exec(firstLine)
  assert.ok(found?.[1], `the first line of \`tenfold up\` names no dashboard: ${firstLine}`)
  dashboardUrl = found[1]
  browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
})

after(async () => {
  await browser?.close()
  await system?.down()
})

test('without a token the page asks for it, and refuses a wrong one', { skip }, async () => {
  await withPage(
    dashboardUrl.replace(/#.*/, ''),
    async (page) => {
      const field = page.getByLabel('Token')
      await field.fill('wrong')
      await page.getByRole('button', { name: 'Open the dashboard' }).click()
      await page.getByText('The server refused that token').waitFor()
      await field.fill(new URL(dashboardUrl).hash.replace('#token=', ''))
      await page.getByRole('button', { name: 'Open the dashboard' }).click()
      await page.locator('[data-node="us-east/web-1"]').waitFor()
    },
    refusedToken,
  )
})

test('the link from the command line shows the map, and the token leaves the address bar', { skip }, async () => {
  await withPage(dashboardUrl, async (page) => {
    await page.locator('[data-node="us-east/web-1"]').getByText('ready').waitFor()
    await page.locator('[data-node^="us-east/postgres-"]').getByText('primary').waitFor()
    assert.ok(!page.url().includes('token'), `the token is still in the address: ${page.url()}`)
    await page.reload()
    await page.locator('[data-node="us-east/web-1"]').waitFor()
  })
})

test('a click on a node shows its log, filtered by what is typed', { skip }, async () => {
  await withPage(dashboardUrl, async (page) => {
    await page.locator('[data-node="us-east/web-1"]').click()
    const lines = page.getByRole('list', { name: 'Log of us-east/web-1' }).locator('.log-line')
    await lines.filter({ hasText: 'ready' }).first().waitFor()
    await page.getByLabel('Filter the log').fill('no line has these words')
    await page.getByText('no line has “no line has these words”').waitFor()
    await page.keyboard.press('Escape')
  })
})

test('the queues are one click away, and come back to the charts', { skip }, async () => {
  await withPage(dashboardUrl, async (page) => {
    await page.getByRole('button', { name: 'Queues' }).click()
    await page.locator('.queue-table, .queues-none').first().waitFor()
    await page.getByRole('button', { name: 'Load', exact: true }).click()
    await page.locator('.charts').waitFor()
  })
})

test('pressing Climb shows the plan, and then the map with the new node, to rung 3', { skip }, async () => {
  await withPage(dashboardUrl, async (page) => {
    await climb(page, 2)
    await page.locator('[data-node="us-east/postgres-2"]').getByText('primary').waitFor()
    await page.locator('[data-node="us-east/postgres-1"]').waitFor({ state: 'detached' })
    await climb(page, 3)
    for (const node of ['front-1', 'web-1', 'web-2'])
      await page.locator(`[data-node="us-east/${node}"]`).getByText('ready').waitFor()
    await page.getByRole('list', { name: 'Events, newest first' }).locator('li').first().waitFor()
  })
})

test('a web server that is killed from its panel comes back', { skip }, async () => {
  await withPage(dashboardUrl, async (page) => {
    const card = page.locator('[data-node="us-east/web-2"]')
    await card.click()
    await page.getByRole('button', { name: 'Kill', exact: true }).click()
    await page.getByRole('button', { name: 'Kill it' }).click()
    await card.getByText('↻ 1').waitFor()
    await card.getByText('ready').waitFor()
  })
})

test('a page outlives the supervisor: it says that the connection is lost, and is live again by itself', {
  skip,
}, async () => {
  await withPage(
    dashboardUrl,
    async (page) => {
      await page.getByText('live', { exact: true }).waitFor()
      const { supervisor } = await system.status()
      assert.ok(supervisor)
      process.kill(supervisor.pid, 'SIGKILL')
      await page.getByText('connection lost, retrying').waitFor()
      await system.tenfold('up', '--detach')
      await page.getByText('live', { exact: true }).waitFor()
      await page.locator('[data-node="us-east/web-1"]').getByText('ready').waitFor()
    },
    { expected: /net::ERR_(CONNECTION_|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/ },
  )
})

async function climb(page: Page, rung: number): Promise<void> {
  await page.getByRole('button', { name: `Climb to ${rung}` }).click()
  const dialog = page.getByRole('dialog', { name: `Climb to rung ${rung}` })
  await dialog.getByRole('listitem').first().waitFor()
  await dialog.getByRole('button', { name: 'Climb now' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.locator(`[aria-current="step"][data-rung="${rung}"]`).waitFor({ timeout: climbTimeoutMs })
  await page.locator('.climb').waitFor({ state: 'detached', timeout: climbTimeoutMs })
}

/** A page of its own, which must not have logged an error by the end: nothing blocked by the policy, nothing thrown. */
async function withPage(
  url: string,
  work: (page: Page) => Promise<void>,
  { expected = /^$/ }: { expected?: RegExp } = {},
): Promise<void> {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
  page.setDefaultTimeout(seenTimeoutMs)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) problems.push(message.text())
  })
  try {
    await page.goto(url)
    await work(page)
    assert.deepEqual(problems, [])
  } finally {
    await page.context().close()
  }
}

async function buildPages(): Promise<void> {
  const vite = join(repository, 'node_modules/vite/bin/vite.js')
  const words = [vite, 'build', '--logLevel', 'warn', '--config', join(repository, 'src/dashboard/vite.config.ts')]
  await promisify(execFile)(process.execPath, words, { cwd: repository })
}
