// One of everything, for tests that set what they need themselves.

import { defineTopology } from '../../../../src/index.ts'

export default defineTopology({ rung: 1 })
