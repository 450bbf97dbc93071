// What runs. Change `rung` and `tenfold apply` it, or press Climb: the app stays as it is.

import { defineTopology } from 'tenfold'

export default defineTopology({ name: 'photos', app: './app.ts', rung: 1 })
