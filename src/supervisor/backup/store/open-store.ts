// The store that `database.backup.to` names.

import { resolve } from 'node:path'
import type { BackupStore } from './contract.ts'
import { FolderStore } from './folder.ts'
import { S3Store } from './s3.ts'
import { parseS3Place, s3Scheme } from './s3-place.ts'

/** A relative directory is relative to `baseDir`. @throws bad-input, unauthorized when there are no keys for S3. */
export function openStore(to: string, baseDir: string, env: NodeJS.ProcessEnv = process.env): BackupStore {
  return to.startsWith(s3Scheme) ? new S3Store(parseS3Place(to, env)) : new FolderStore(resolve(baseDir, to))
}
