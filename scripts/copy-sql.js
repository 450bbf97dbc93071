// Puts the migrations of our own tiers beside the compiled files that read them.
import { cpSync, globSync } from 'node:fs'

for (const file of globSync('src/**/*.sql')) cpSync(file, file.replace(/^src/, 'dist'))
