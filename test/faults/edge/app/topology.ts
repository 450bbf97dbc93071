// Two fronts with an edge before two web servers, and no replicas: what is tested is the front.

import { defineTopology } from '../../../../src/index.ts'

export default defineTopology({ rung: 3, front: { count: 2 }, edge: { enabled: true } })
