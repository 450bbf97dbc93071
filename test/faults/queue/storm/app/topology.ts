// Everything that can be killed: a database that has replicas, three brokers, and workers of their own, as many as the test says.
// On rung 4 jobs lie in the database alone.

import { defineTopology } from '../../../../../src/index.ts'

const rung = Number(process.env['TENFOLD_FAULT_RUNG'] ?? 9)
const count = Number(process.env['TENFOLD_FAULT_WORKERS'] ?? 4)

export default defineTopology({ rung, web: { count: 2, max: 2 }, worker: { count, max: count } })
