// A table of the report: columns say how a row's cell reads, so that no row can be a cell short.

import { html, type Markup } from './markup.ts'

export interface Column<Row> {
  head: string
  cell: (row: Row, index: number) => Markup | string | number
  /** Marks what must not be. */
  isBad?: (row: Row) => boolean
  /** Text that may wrap, to the left. */
  isText?: boolean
}

export function table<Row>(rows: readonly Row[], columns: ReadonlyArray<Column<Row>>): Markup {
  return html`<div class="table"><table><thead><tr>${columns.map(
    ({ head, isText }) => html`<th scope="col"${isText && html` class="words"`}>${head}</th>`,
  )}</tr></thead>
<tbody>${rows.map((row, index) => html`<tr>${columns.map((column) => cellOf(column, row, index))}</tr>\n`)}</tbody></table></div>`
}

function cellOf<Row>({ cell, isBad, isText }: Column<Row>, row: Row, index: number): Markup {
  const classes = [isBad?.(row) && 'bad', isText && 'words'].filter(Boolean).join(' ')
  return html`<td${classes !== '' && html` class="${classes}"`}>${cell(row, index)}</td>`
}
