// An archiver in a process of its own, for tests that kill it.

import { ShardArchive } from '../archive.ts'
import { WalArchiver } from '../archiver.ts'
import { FolderStore } from '../store/folder.ts'

const { dir, address, port, secrets } = JSON.parse(process.argv[2] ?? '')
const archiver = new WalArchiver({
  archive: new ShardArchive(new FolderStore(dir), 's1'),
  secrets,
  primary: () => ({ id: 'primary', address, port }),
  replicas: () => [],
  tell: (_level, message) => console.error(message),
  onGap: () => console.error('a gap'),
  partialEveryMs: 50,
})
await archiver.start()
while (!archiver.run?.until) await new Promise((resolve) => setTimeout(resolve, 10))
console.log('archiving')
setInterval(() => {}, 1000)
