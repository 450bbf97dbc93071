import { databaseConformance } from './conformance.ts'
import { startTestDatabase } from './testing.ts'

databaseConformance('one PostgreSQL', async () => {
  const { db, router, stop } = await startTestDatabase()
  return { db, hold: (terms) => router.hold(terms), release: () => router.release(), close: stop }
})
