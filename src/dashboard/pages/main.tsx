// Entry of the dashboard: the styles, then the page.

import './page/tokens.css'
import './page/page.css'
import './page/masthead.css'
import './page/dialog.css'
import './ladder/ladder.css'
import './map/map.css'
import './map/node-card.css'
import './map/wires.css'
import './page/dock.css'
import './node-panel/node-panel.css'
import './charts/charts.css'
import './queues/queues.css'
import { render } from 'preact'
import { Page } from './page/page.tsx'

const root = document.getElementById('page')
if (root) render(<Page />, root)
