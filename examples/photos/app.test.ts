// The whole app over the network, on the real web process and a real PostgreSQL: one system, a suite beside each part.

import { after, describe } from 'node:test'
import { daysSuite } from './days/days.suite.ts'
import { feedSuite } from './feed/feed.suite.ts'
import { newsSuite } from './news/news.suite.ts'
import { pagesSuite } from './pages/pages.suite.ts'
import { photosSuite } from './photos/photos.suite.ts'
import { seedSuite } from './seeding/seed.suite.ts'
import { startTestPhotos } from './testing/app.ts'
import { badInputSuite } from './testing/bad-input.suite.ts'
import { tipsSuite } from './tips/tips.suite.ts'
import { usersSuite } from './users/users.suite.ts'

const photos = await startTestPhotos({ logLevel: process.env['LOG_LEVEL'] ?? 'fatal' })
after(() => photos[Symbol.asyncDispose]())

describe('users', () => usersSuite(photos))
describe('photos', () => photosSuite(photos))
describe('feed', () => feedSuite(photos))
describe('tips', () => tipsSuite(photos))
describe('days', () => daysSuite(photos))
describe('news', () => newsSuite(photos))
describe('pages', () => pagesSuite(photos))
describe('seed', () => seedSuite(photos))
describe('bad input', () => badInputSuite(photos))
