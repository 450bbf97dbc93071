// Four web servers behind one front, and one database.

import { defineTopology } from '../../../../src/index.ts'

export default defineTopology({ rung: 3, web: { count: 4 } })
