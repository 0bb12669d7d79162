"use strict";(self.rspackChunkflytenb=self.rspackChunkflytenb||[]).push([[877],{247(n,e,r){var a=r(1601),i=r.n(a),t=r(6314),o=(r.n(t))()(i());o.push([n.id,`/* What only JupyterLab and Notebook show: the sidebar's frame, the icon's badge, tabs, the flash of a line. */
.fnb-panel { overflow-y: auto; background: var(--jp-layout-color1); container-type: inline-size; min-width: 240px !important; }
.fnb-panel > .fnb-side { height: auto; min-height: 100%; border-right: 0; }
.fnb-sec-b { display: inline-flex; align-items: center; gap: var(--fnb-s1); color: inherit !important; font-weight: 600 !important; }
.fnb-sec > h3 { margin: 0; }
.fnb-li-b { border: 0; background: none; padding: 0; margin: 0; font: inherit; color: inherit; text-align: left; cursor: pointer; min-width: 0; }
.fnb-li-b::after { content: ""; position: absolute; inset: 0; }
.fnb-li { position: relative; }
.fnb-li .fnb-link, .fnb-li .fnb-btn { position: relative; z-index: 1; }
.fnb-li-b:focus-visible { outline: 0; }
.fnb-li-b:focus-visible::after { outline: 2px solid var(--fnb-focus); outline-offset: -2px; border-radius: var(--fnb-r1); }
.fnb-li > .fnb-sl { overflow-wrap: anywhere; }
.fnb-li .s-wide { padding-right: var(--fnb-s4); }
.fnb-col { display: inline-block; min-width: 48px; text-align: right; font-variant-numeric: tabular-nums; }
.fnb-filters { display: grid; grid-template-columns: minmax(0, 1fr) 92px; gap: var(--fnb-s1); padding: 0 var(--fnb-s2) var(--fnb-s1) 30px; }
.fnb-filters .fnb-input { height: 24px; }
.fnb-empty { margin: 0; }
.fnb-side .fnb-owner { display: flex; justify-content: space-between; gap: var(--fnb-s2); margin: 0; line-height: 16px; }
.fnb-side p.fnb-reason { margin: 0; font-size: var(--fnb-fs-0); line-height: 15px; padding-top: 2px; overflow-wrap: anywhere; }
.fnb-side p.fnb-owner { font-size: var(--fnb-fs-0); padding-top: 2px; }
.fnb-side .fnb-res { padding-bottom: 10px; }
.fnb-side .fnb-in > p { margin: 0; }
.fnb-side .fnb-field { grid-template-columns: minmax(64px, 88px) minmax(0, 1fr); }
.fnb-side .fnb-field > .fnb-err { grid-column: 2; }
.fnb-side .fnb-field > input[type="checkbox"] { justify-self: start; margin: 0; }
.jp-SideBar .lm-TabBar-tab[data-fnb-badge]::before { content: attr(data-fnb-badge); position: absolute; top: 4px; right: 2px; min-width: 14px; padding: 0 3px; box-sizing: border-box; border-radius: 7px; background: #0b5cc4; color: #fff; font: 600 9px/14px var(--jp-ui-font-family); text-align: center; transform: none; }
.jp-SideBar .lm-TabBar-tab[data-fnb-badge] { position: relative; }
.fnb-tab-content { overflow: auto; padding: 8px; background: var(--jp-layout-color1); }
.fnb-text { overflow: auto; background: var(--jp-layout-color1); color: var(--jp-content-font-color1); }
.fnb-text > pre { margin: 0; padding: 8px 12px; font: var(--jp-code-font-size) / var(--jp-code-line-height) var(--jp-code-font-family); white-space: pre-wrap; overflow-wrap: anywhere; }
.fnb-status { border: 0; background: none; padding: 0 4px; font: inherit; color: inherit; cursor: pointer; height: 100%; }
.fnb-status:focus-visible { outline: 1px solid currentcolor; outline-offset: -1px; }
.fnb-output { overflow: visible; padding: 0; }
/* Why what is shown was saved and does not move: one quiet line below it. */
.fnb-output[data-fnb-saved] > .jp-RenderedHTMLCommon { padding: 0; }
.fnb-output[data-fnb-saved] > .fnb { margin-top: var(--fnb-s1); }
.jp-Cell.fnb-flash .jp-InputArea-editor { animation: fnb-flash 1.6s ease-out; }
@keyframes fnb-flash { from { background: color-mix(in srgb, #0b5cc4 22%, transparent); } }
@media (prefers-reduced-motion: reduce) { .jp-Cell.fnb-flash .jp-InputArea-editor { animation: none; outline: 2px solid #0b5cc4; } }
.fnb-filters { grid-template-columns: minmax(0, 1fr) 92px 24px; }
.fnb-filters > .fnb-btn[aria-pressed="true"] { background: var(--fnb-selected); }
.fnb-chosen { display: flex; flex-wrap: wrap; align-items: center; gap: var(--fnb-s1) var(--fnb-s2); padding: 0 var(--fnb-s2) var(--fnb-s1) 30px; }
.fnb-chosen .fnb-input { min-width: 0; width: 160px; height: 24px; }
.fnb-li > .fnb-pick { margin: 0; width: 14px; height: 14px; position: relative; z-index: 1; }
.fnb-pinned { width: 12px; height: 12px; -webkit-mask-size: 12px; mask-size: 12px; vertical-align: -2px; margin-left: var(--fnb-s1); }
.fnb-tag { display: inline-block; padding: 0 5px; margin-right: var(--fnb-s1); border: 1px solid var(--fnb-line); border-radius: var(--fnb-r1); color: var(--fnb-text-2); }
.fnb-side .fnb-prog { display: block; margin: 3px 0 2px; }
.fnb-side .fnb-link + .fnb-link { margin-left: 6px; }

/* In the forms of the kernel: shown only where the command is. */
button.fnb-insert[data-commandlinker-command] {
  display: inline-block !important;
}
`,""]),r.d(e,{},{A:o})},6531(n,e,r){var a=r(1601),i=r.n(a),t=r(6314),o=(r.n(t))()(i());o.push([n.id,`/* The tabs that are loaded later: see run.css for what all parts share. */
/* Timeline */
.fnb-tl { position: relative; --lab: 176px; padding-bottom: var(--fnb-s2); }
.fnb-tlr { display: grid; grid-template-columns: var(--lab) 1fr; align-items: center; min-height: 22px; padding: 0 var(--fnb-s3); }
.fnb-tlr:hover { background: var(--fnb-hover); }
.fnb-tlr.is-sub { min-height: 18px; font-size: var(--fnb-fs-0); color: var(--fnb-text-2); }
.fnb-trk { position: relative; height: 100%; min-height: 18px; background: repeating-linear-gradient(to right, var(--fnb-hair) 0 1px, transparent 1px calc(100% / var(--ticks, 8))); }
.fnb-axis { font-size: var(--fnb-fs-0); color: var(--fnb-text-2); border-bottom: 1px solid var(--fnb-hair); }
.fnb-axis .fnb-trk { min-height: 22px; background: none; }
.fnb-axis .fnb-trk span { position: absolute; left: var(--l); top: 3px; transform: translateX(2px); }
.fnb-seg { position: absolute; top: 50%; height: 10px; margin-top: -5px; left: var(--l); width: var(--w); min-width: 2px; background: var(--f); border-radius: var(--fnb-r1); }
.fnb-seg.is-queue { background: repeating-linear-gradient(135deg, var(--fnb-neutral) 0 1px, transparent 1px 4px); height: 8px; margin-top: -4px; opacity: .8; }
.fnb-seg.is-build { background: var(--fnb-fill-initializing); }
.fnb-seg.is-trace { height: 6px; margin-top: -3px; background: var(--fnb-neutral); }
.fnb-seg.is-replay { background: none; border: 1px solid var(--fnb-neutral); }
.fnb-seg.is-crit { box-shadow: 0 0 0 1px var(--fnb-bg), 0 0 0 2px var(--fnb-text-2); }
.fnb-seg.is-parent { height: 4px; margin-top: -2px; }
.fnb-seg.is-agg { background: var(--fnb-track); }
.fnb-seg.is-sel { background: var(--fnb-text-2); }
.fnb-tlr.is-sel { background: var(--fnb-selected); color: var(--fnb-text); }
.fnb-detail { border-top: 1px solid var(--fnb-hair); background: var(--fnb-sunken); padding: var(--fnb-s2) var(--fnb-s3); display: grid; gap: var(--fnb-s1); }
.fnb-kv { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px var(--fnb-s3); }
.fnb-kv dt { color: var(--fnb-text-2); }
.fnb-kv dd { min-width: 0; overflow-wrap: anywhere; }
.fnb-sparks { display: flex; flex-wrap: wrap; gap: var(--fnb-s1) var(--fnb-s4); padding: 2px 0 var(--fnb-s1); }
.fnb-spark { display: grid; width: 148px; font-size: var(--fnb-fs-0); line-height: 15px; color: var(--fnb-text-2); }
.fnb-spark > span { display: flex; justify-content: space-between; }
.fnb-spark b { font-weight: 600; font-variant-numeric: tabular-nums; }
.fnb-spark svg { width: 100%; height: 26px; border-bottom: 1px solid var(--fnb-hair); }
.fnb-spark path { vector-effect: non-scaling-stroke; fill: none; stroke-width: 1.25; }
.fnb-spark .is-line { stroke: var(--fnb-fill-running); stroke-linejoin: round; }
.fnb-spark .is-area { fill: color-mix(in srgb, var(--fnb-fill-running) 16%, transparent); }
.fnb-spark .is-limit { stroke: var(--fnb-neutral); stroke-dasharray: 3 3; }
.fnb-hint { margin-top: 2px; padding-left: var(--fnb-s2); border-left: 3px solid var(--fnb-waiting); }

/* Graph */
.fnb-graph { position: relative; overflow-x: auto; }
.fnb-graph > div { position: relative; }
.fnb-graph svg { position: absolute; inset: 0; }
.fnb-edge { fill: none; stroke: var(--fnb-neutral); stroke-width: 1.25; }
.fnb-edge.is-off { stroke-dasharray: 3 3; }
.fnb-node { position: absolute; width: 124px; min-height: 44px; padding: 5px var(--fnb-s2) 5px 28px; border: 1px solid var(--fnb-control); border-radius: var(--fnb-r2); background: var(--fnb-bg); line-height: 16px; text-align: left; font: inherit; color: inherit; }
.fnb-node .fnb-i { position: absolute; left: 7px; top: 6px; }
.fnb-node small { display: block; font-size: var(--fnb-fs-0); color: var(--fnb-text-2); line-height: 15px; }
.fnb-node.is-reused { border-style: dashed; }
.fnb-node.is-ghost { border: 1px dashed var(--fnb-neutral); color: var(--fnb-text-2); }
.fnb-node.is-stack { box-shadow: 3px 3px 0 -1px var(--fnb-bg), 3px 3px 0 0 var(--fnb-control); }
.fnb-node .fnb-mini { display: flex; margin: 3px 0 2px; }
.fnb-node .fnb-mini i { height: 6px; }
.fnb-node.is-stack { width: 132px; }
.fnb-node.is-sel { background: color-mix(in srgb, var(--fnb-focus) 8%, var(--fnb-bg)); border-color: var(--fnb-focus); }

/* Logs */
.fnb-log { font: 400 var(--fnb-fs-1)/var(--fnb-lh-1) var(--fnb-mono); padding: var(--fnb-s1) 0; }
.fnb-log .is-err { box-shadow: inset 2px 0 0 var(--fnb-failed); }
.fnb-fold { color: var(--fnb-text-2); font-family: var(--fnb-font); }
.fnb-log mark { background: light-dark(#ffe28a, #6b5310); color: inherit; }
/* Tables of values */
.fnb-io { table-layout: fixed; }
.fnb-io td { overflow-wrap: anywhere; }
.fnb-io { margin-bottom: var(--fnb-s4); }
.fnb-io .c-name { width: 132px; }
.fnb-io .c-type { width: 110px; }
.fnb-io .c-size { width: 72px; }
.fnb-io .c-act { width: 132px; }
.fnb-io th { overflow-wrap: anywhere; }
.fnb-part { padding-bottom: var(--fnb-s4); }
.fnb-compare { table-layout: fixed; }
.fnb-compare th:first-child { width: 22%; }
.fnb-compare th:last-child { width: 16%; }
.fnb-compare td { overflow-wrap: anywhere; }

/* Timeline, further */
.fnb-tlrows { max-height: 520px; overflow-y: auto; scrollbar-gutter: stable; }
.fnb-axis { padding-right: calc(var(--fnb-s3) + 12px); }
.fnb-trk { background: repeating-linear-gradient(to right, var(--fnb-hair) 0 1px, transparent 1px var(--tick, 100%)) var(--off, 0) 0; overflow: hidden; touch-action: pan-y; }
.fnb-axis .fnb-trk { overflow: visible; }
.fnb-tlr:focus-visible { outline-offset: -2px; }
.fnb-tlr .fnb-tn { padding-left: calc(var(--d, 0) * 14px); }
.fnb-seg.is-key { position: static; display: inline-block; width: 20px; height: 8px; margin: 0; }
.fnb-seg.is-key.is-crit { margin: 0 2px; }
.fnb-seg.is-part { height: 3px; margin-top: 3px; }
.fnb-seg.is-trace[data-phase="failed"] { background: var(--fnb-fill-failed); }
.fnb-seg.is-open { border-top-right-radius: 0; border-bottom-right-radius: 0; }
.fnb-drag { position: absolute; inset: 0 auto 0 var(--l); width: var(--w); background: var(--fnb-selected); }
.fnb-tlnote { padding: var(--fnb-s1) var(--fnb-s3) 0 !important; }

/* Graph, further */
.fnb-node { overflow: hidden; cursor: pointer; padding-top: 6px; }
.fnb-node .fnb-i { top: 7px; }
.fnb-node > .fnb-clip { display: block; }
.fnb-node.is-stack { overflow: visible; }
.fnb-node small { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fnb-node .fnb-mini { position: absolute; left: 28px; bottom: 1px; margin: 0; }
.fnb-node .fnb-mini i { height: 4px; }
.fnb-edge.is-call { stroke-width: 1; opacity: .6; }
.fnb-graph { max-height: 560px; overflow: auto; }

/* Logs, further */
.fnb-log { max-height: 420px; overflow: auto; }
.fnb-logblock.is-many { content-visibility: auto; }
.fnb-logblock > div { display: grid; grid-template-columns: 66px 88px minmax(0, 1fr); column-gap: var(--fnb-s2); padding: 0 var(--fnb-s3); }
.fnb-log > .fnb-logblock { display: block; padding: 0; }
.fnb-logblock > div > .l-time, .fnb-logblock > div > .l-name { color: var(--fnb-text-2); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fnb-logblock > div > :last-child { overflow-wrap: anywhere; white-space: pre-wrap; }
.fnb-log.is-one .fnb-logblock > div { grid-template-columns: 66px minmax(0, 1fr); }
.fnb-log.no-time .l-time { display: none; }
.fnb-log.no-time .fnb-logblock > div { grid-template-columns: 88px minmax(0, 1fr); }
.fnb-log.no-time.is-one .fnb-logblock > div { grid-template-columns: minmax(0, 1fr); }
.fnb-log.no-wrap .fnb-logblock > div > :last-child { white-space: pre; overflow-wrap: normal; }
.fnb-log.no-wrap .fnb-logblock { width: max-content; min-width: 100%; }
.fnb-log mark.is-current { outline: 2px solid var(--fnb-focus); }
.fnb-log { --a0: light-dark(#3b4046, #5c636b); --a1: light-dark(#a3121f, #ff7975); --a2: light-dark(#0a5a46, #86e8c2); --a3: light-dark(#7a5800, #f2c037); --a4: light-dark(#0b5cc4, #82b8ff); --a5: light-dark(#6a2f9c, #d8bcff); --a6: light-dark(#1f6a8a, #6cc5dc); --a7: light-dark(#5d656d, #c9ced4); }
.a-f0, .a-f8 { color: var(--a7); } .a-f1, .a-f9 { color: var(--a1); } .a-f2, .a-f10 { color: var(--a2); } .a-f3, .a-f11 { color: var(--a3); }
.a-f4, .a-f12 { color: var(--a4); } .a-f5, .a-f13 { color: var(--a5); } .a-f6, .a-f14 { color: var(--a6); } .a-fpage { color: var(--fnb-bg); }
.a-b0, .a-b8 { background: var(--fnb-track); } .a-b1, .a-b9 { background: color-mix(in srgb, var(--a1) 25%, transparent); } .a-b2, .a-b10 { background: color-mix(in srgb, var(--a2) 25%, transparent); }
.a-b3, .a-b11 { background: color-mix(in srgb, var(--a3) 25%, transparent); } .a-b4, .a-b12 { background: color-mix(in srgb, var(--a4) 25%, transparent); } .a-b5, .a-b13 { background: color-mix(in srgb, var(--a5) 25%, transparent); }
.a-b6, .a-b14 { background: color-mix(in srgb, var(--a6) 25%, transparent); } .a-b7, .a-b15 { background: var(--fnb-track); } .a-btext { background: var(--fnb-text); }
.a-bold { font-weight: 600; } .a-dim { opacity: .72; } .a-italic { font-style: italic; } .a-under { text-decoration: underline; }

/* Report */
.fnb-report { display: block; width: 100%; border: 0; background: #fff; resize: vertical; min-height: 80px; }
@media (prefers-reduced-motion: reduce) { .fnb-share > i { transition: none; } }

@container (max-width: 620px) {
  .fnb-io .c-act { width: 80px !important; }
  .fnb-tl { --lab: 104px; }
  .fnb-logblock > div, .fnb-log.is-one .fnb-logblock > div { grid-template-columns: 64px minmax(0, 1fr); }
  .fnb-logblock .l-time { display: none; }
  .fnb-log.is-one .fnb-logblock > div { grid-template-columns: minmax(0, 1fr); }
  .fnb-io .c-name { width: 92px; }
  .fnb-io .c-type { display: none; }
  .fnb .fnb-io .c-act { width: 84px; }
  .fnb-dual { flex-direction: column; align-items: end; gap: 0; }
}
.fnb-fold { position: absolute; height: 20px; width: 20px; padding: 0; }
.fnb-fold .fnb-i { width: 12px; -webkit-mask-size: 12px; mask-size: 12px; }
`,""]),r.d(e,{},{A:o})},1745(n,e,r){var a=r(1601),i=r.n(a),t=r(6314),o=(r.n(t))()(i());o.push([n.id,`/* Components of the run view and the sidebar. Everything sits under .fnb; widths come from the container, never the window. */
.fnb, .fnb * { box-sizing: border-box; }
.fnb { container-type: inline-size; font: 400 var(--fnb-fs-1)/var(--fnb-lh-1) var(--fnb-font); color: var(--fnb-text); font-variant-numeric: tabular-nums; }
.fnb :where(p, h3, h4, ul, ol, dl, dd, pre, table, figure) { margin: 0; padding: 0; font-size: inherit; font-weight: inherit; }
.fnb :where(ul, ol) { list-style: none; }
.fnb :where(th, td) { color: inherit; }
.fnb a, .fnb .fnb-link { color: var(--fnb-link); text-decoration: none; background: none; border: 0; padding: 0; font: inherit; cursor: pointer; }
.fnb a:hover, .fnb .fnb-link:hover { text-decoration: underline; text-underline-offset: 2px; }
.fnb b, .fnb strong { font-weight: 600; }
.fnb code, .fnb pre, .fnb-mono { font: 400 var(--fnb-fs-1)/var(--fnb-lh-1) var(--fnb-mono); background: none; }
.fnb-2 { color: var(--fnb-text-2); }
.fnb-clip { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.fnb-num { text-align: right; white-space: nowrap; }
.fnb-word { white-space: nowrap; color: var(--fnb-text-2); }  /* a word takes its phase's colour only when someone should look */
.fnb-word:is([data-phase="failed"], [data-phase="timed_out"], [data-phase="paused"], [data-phase="waiting_for_resources"]) { color: var(--c); }
.fnb-head .fnb-word:not([data-phase="failed"], [data-phase="timed_out"], [data-phase="paused"], [data-phase="waiting_for_resources"]) { color: var(--fnb-text); }
.fnb-grow { flex: 1 1 0; min-width: 0; }
.fnb :focus-visible, .fnb .is-focus { outline: 2px solid var(--fnb-focus); outline-offset: -2px; border-radius: var(--fnb-r1); }
.fnb .fnb-btn:focus-visible, .fnb .fnb-btn.is-focus { outline-offset: 1px; border-radius: var(--fnb-r2); }

/* Frame */
.fnb-view { background: var(--fnb-bg); border: 1px solid var(--fnb-line); border-radius: var(--fnb-r2); overflow: hidden; }
.fnb-head { display: flex; align-items: center; gap: var(--fnb-s2); min-height: var(--fnb-head); padding: 0 var(--fnb-s2) 0 var(--fnb-s1); }
.fnb-head > * { flex: none; }
.fnb-head .fnb-name { font-size: var(--fnb-fs-2); font-weight: 600; }
.fnb-facts { flex: 1 1 0 !important; min-width: 0; color: var(--fnb-text-2); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fnb-facts > * + *::before, .fnb-dots > * + *::before { content: "\xb7"; padding: 0 6px; color: var(--fnb-text-2); }
.fnb .fnb-link.fnb-2 { color: var(--fnb-text-2); }
.fnb .fnb-id { color: var(--fnb-text-2); }
.fnb .fnb-id { font: 400 var(--fnb-fs-1)/1 var(--fnb-mono); color: var(--fnb-text-2); }
.fnb-acts { display: flex; gap: var(--fnb-s1); align-items: center; margin-left: auto; }
.fnb-view.is-line .fnb-head { min-height: 30px; }

/* Buttons: one primary in a view at most */
.fnb-btn { display: inline-flex; align-items: center; gap: var(--fnb-s1); height: 24px; padding: 0 var(--fnb-s2); border: 1px solid var(--fnb-control); border-radius: var(--fnb-r2); background: transparent; color: var(--fnb-text); font: 400 var(--fnb-fs-1)/1 var(--fnb-font); white-space: nowrap; cursor: pointer; }
.fnb-btn:hover { background: var(--fnb-hover); }
.fnb-btn.is-bare { border-color: transparent; padding: 0 var(--fnb-s1); color: var(--fnb-text-2); }
.fnb-btn.is-primary { background: var(--fnb-primary); border-color: var(--fnb-primary); color: var(--fnb-on-primary); }
.fnb-btn.is-bare.is-text { padding: 0 6px; }
.fnb-btn[aria-pressed="true"] { background: var(--fnb-track); border-color: transparent; color: var(--fnb-text); }
.fnb-kbd { font: 400 var(--fnb-fs-0)/14px var(--fnb-mono); color: var(--fnb-text-2); border: 1px solid var(--fnb-hair); border-radius: var(--fnb-r1); padding: 0 3px; }
.fnb-badge { background: none; font-family: inherit; display: inline-flex; align-items: center; gap: var(--fnb-s1); height: 18px; padding: 0 6px; border: 1px solid var(--fnb-hair); border-radius: var(--fnb-r1); font-size: var(--fnb-fs-0); color: var(--fnb-text-2); white-space: nowrap; }
.fnb-input { height: 26px; width: 100%; border: 1px solid var(--fnb-control); border-radius: var(--fnb-r1); background: var(--fnb-bg); color: var(--fnb-text); font: 400 var(--fnb-fs-1)/1 var(--fnb-font); padding: 0 var(--fnb-s2); }
.fnb-input.is-code { font-family: var(--fnb-mono); }

/* Tabs */
.fnb-tabs { position: relative; display: flex; height: var(--fnb-bar); padding: 0 var(--fnb-s2); border-bottom: 1px solid var(--fnb-hair); overflow-x: auto; scrollbar-width: none; }
.fnb-tab { flex: none; border: 0; background: none; padding: 0 var(--fnb-s2); color: var(--fnb-text-2); font: 400 var(--fnb-fs-1)/var(--fnb-bar) var(--fnb-font); white-space: nowrap; cursor: pointer; position: relative; }
.fnb-tab:hover { color: var(--fnb-text); }
.fnb-tab[aria-selected="true"] { color: var(--fnb-text); font-weight: 600; }
.fnb-tab[aria-selected="true"]::after { content: ""; position: absolute; inset: auto var(--fnb-s2) 0; height: 2px; background: var(--fnb-focus); }
.fnb-tab .fnb-n { color: var(--fnb-text-2); font-weight: 400; padding-left: 4px; }
.fnb-bar { display: flex; align-items: center; gap: var(--fnb-s2); min-height: var(--fnb-bar); padding: 0 var(--fnb-s3); border-bottom: 1px solid var(--fnb-hair); }
.fnb-foot { display: flex; flex-wrap: wrap; align-items: center; gap: 0 var(--fnb-s4); min-height: 28px; padding: 3px var(--fnb-s3); border-top: 1px solid var(--fnb-hair); color: var(--fnb-text-2); font-size: var(--fnb-fs-0); }
.fnb-pad { padding: var(--fnb-s3); }

/* Rows: tree and lists share one grid */
.fnb-tree { padding: var(--fnb-s1) 0; --cols: minmax(168px, .8fr) 84px minmax(120px, 1.7fr) 96px 52px; }
.fnb-tr { display: grid; grid-template-columns: var(--cols); align-items: center; column-gap: var(--fnb-s3); min-height: var(--fnb-row); padding: 0 var(--fnb-s3); }
.fnb-tr:hover { background: var(--fnb-hover); }
.fnb-tr[aria-selected="true"] { background: var(--fnb-selected); }
.fnb-tr[aria-selected="true"] > .fnb-clip { white-space: normal; padding: 3px 0; }  /* the selected row never hides its reason */
.fnb-tr.is-colhead { min-height: 20px; color: var(--fnb-text-2); font-size: var(--fnb-fs-0); }
.fnb-tr.is-colhead:hover { background: none; }
.fnb-tn { display: flex; align-items: center; gap: 6px; min-width: 0; padding-left: calc((var(--d, 0)) * 18px); }
.fnb-tn > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fnb-tw { flex: none; width: 12px; height: 16px; margin-left: -2px; color: var(--fnb-text-2); }
.fnb-tw .fnb-i { width: 12px; -webkit-mask-size: 12px; mask-size: 12px; }
.fnb-dur { display: block; height: 6px; border-radius: var(--fnb-r1); background: var(--f); width: var(--w); margin-left: var(--x, 0); min-width: 2px; }
.fnb-dur.is-open { border-top-right-radius: 0; border-bottom-right-radius: 0; }
.fnb-say2 { grid-column: 1 / -1; padding-left: calc(var(--d, 0) * 18px + 38px); padding-bottom: var(--fnb-s1); display: none; color: var(--fnb-text-2); }
.fnb-ghost { color: var(--fnb-text-2); }
.fnb-ghost .fnb-dur { background: none; border: 1px dashed var(--fnb-neutral); }
.fnb-counts { display: inline-flex; flex-wrap: wrap; gap: 0 var(--fnb-s3); align-items: center; }
.fnb-counts > * { display: inline-flex; align-items: center; gap: 4px; white-space: nowrap; }
.fnb-sw { width: 8px; height: 8px; border-radius: 1px; background: var(--f); flex: none; }
.fnb-sw[data-phase="queued"] { background: none; box-shadow: inset 0 0 0 1px var(--fnb-neutral); }
.fnb-raster { display: block; width: 100%; height: auto; }
.fnb-raster path { fill: none; stroke: var(--f); }
.fnb-mini { display: inline-flex; gap: 1px; vertical-align: middle; }
.fnb-mini i { width: 3px; height: 12px; background: var(--f); }
.fnb-mini i[data-phase="queued"] { background: none; box-shadow: inset 0 0 0 1px var(--fnb-neutral); }
.fnb-meter { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
.fnb-meter > i { display: inline-block; width: 56px; height: 4px; border-radius: 2px; background: linear-gradient(to right, var(--fnb-neutral) var(--w), var(--fnb-track) 0); }

/* Code, frames */
.fnb-code { background: var(--fnb-sunken); border-radius: var(--fnb-r1); padding: var(--fnb-s1) 0; overflow-x: auto; }
.fnb-code > div { display: grid; grid-template-columns: 40px 1fr; white-space: pre; min-width: max-content; font: 400 var(--fnb-fs-1)/var(--fnb-lh-1) var(--fnb-mono); padding-right: var(--fnb-s3); }
.fnb-code > div::before { content: attr(data-n); text-align: right; padding-right: var(--fnb-s2); color: var(--fnb-text-2); }
.fnb-code > .is-hit { background: light-dark(#f8dcdc, #4a2425); box-shadow: inset 2px 0 0 var(--fnb-failed); }
.fnb-diff > div { display: block; padding-left: var(--fnb-s2); }
.fnb-diff > div::before { content: none; }
.fnb-code > .is-add { background: light-dark(#dff1ea, #1d362e); }
.fnb-code > .is-del { background: light-dark(#f8dcdc, #4a2425); }

/* Tables */
.fnb-table { width: 100%; border-collapse: collapse; table-layout: auto; }
.fnb .fnb-table :is(th, td) { text-align: left; font-weight: 400; padding: 3px var(--fnb-s3) 3px 0; vertical-align: baseline; border: 0; border-bottom: 1px solid var(--fnb-hair); background: none; }
.fnb .fnb-table tr:last-child > * { border-bottom: 0; }
.fnb .fnb-table thead th { font-size: var(--fnb-fs-0); color: var(--fnb-text-2); padding-bottom: 2px; border-bottom: 1px solid var(--fnb-hair); }
.fnb .fnb-table tbody tr { background: none; }
.fnb .fnb-table .fnb-num { text-align: right; }
.fnb .fnb-table :is(th, td):last-child { padding-right: 0; }
.fnb-sub { font-size: var(--fnb-fs-0); line-height: var(--fnb-lh-0); color: var(--fnb-text-2); padding: var(--fnb-s3) 0 var(--fnb-s1); display: flex; justify-content: space-between; gap: var(--fnb-s2); }
.fnb-sub:first-child { padding-top: 0; }

/* Failure */
.fnb-fail { padding: var(--fnb-s3); background: var(--fnb-tint-failed); border-top: 1px solid var(--fnb-hair); border-bottom: 1px solid var(--fnb-hair); }
.fnb-fail h3, .fnb-ask h3 { font-size: var(--fnb-fs-3); line-height: 20px; font-weight: 600; overflow-wrap: anywhere; }
.fnb-fail .fnb-code { background: var(--fnb-bg); }
.fnb-two { display: grid; grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); gap: 0 var(--fnb-s5); }
.fnb-stack { display: grid; gap: var(--fnb-s2); }
.fnb-row { display: flex; flex-wrap: wrap; align-items: center; gap: var(--fnb-s2); }
.fnb-ask { padding: var(--fnb-s3); background: var(--fnb-tint-paused); border-top: 1px solid var(--fnb-hair); }
.fnb-field { display: grid; grid-template-columns: 104px minmax(0, 1fr); align-items: center; gap: var(--fnb-s1) var(--fnb-s3); }
.fnb-field > label > span { color: var(--fnb-text-2); font-size: var(--fnb-fs-0); padding-left: 2px; }
.fnb-err { color: var(--fnb-failed); font-size: var(--fnb-fs-0); grid-column: 2; }

/* Shown to screen readers only */
.fnb-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.fnb-small { font-size: var(--fnb-fs-0); }
.fnb-none { padding: var(--fnb-s4) var(--fnb-s3); color: var(--fnb-text-2); }
.fnb .fnb-none { padding: var(--fnb-s4) var(--fnb-s3); }
.fnb-none code { color: var(--fnb-text); }
.fnb-view.is-empty { border-color: transparent; min-height: 30px; }
.fnb-row.is-spread { justify-content: space-between; padding-bottom: var(--fnb-s2); }
.fnb-dual { display: inline-flex; gap: var(--fnb-s2); }
.fnb-pre { background: var(--fnb-sunken); border-radius: var(--fnb-r1); padding: var(--fnb-s1) var(--fnb-s2); overflow: auto; max-height: 320px; white-space: pre; }
.fnb .fnb-pre { padding: var(--fnb-s1) var(--fnb-s2); margin-top: var(--fnb-s1); }
.fnb-check { display: inline-flex; align-items: center; gap: var(--fnb-s1); white-space: nowrap; }
.fnb-check input { margin: 0; accent-color: var(--fnb-primary); }
.fnb-select { width: auto; max-width: 280px; padding-right: var(--fnb-s1); }
.fnb-filter { width: 220px; flex: 0 1 220px; min-width: 90px; }
.fnb-note { color: var(--fnb-text); }
.fnb-bar { flex-wrap: wrap; padding-top: 3px; padding-bottom: 3px; }
.fnb-view > [role="tabpanel"] { min-width: 0; }
.fnb-btn:disabled { opacity: .5; cursor: default; }

/* Asking, and the menu of everything */
.fnb-confirm { display: flex; flex-wrap: wrap; align-items: center; gap: var(--fnb-s2); padding: 6px var(--fnb-s3) 6px 36px; background: var(--fnb-sunken); border-top: 1px solid var(--fnb-hair); border-bottom: 1px solid var(--fnb-hair); }
.fnb-menubox { position: relative; display: inline-flex; }
.fnb-menu { position: absolute; z-index: 20; top: 26px; right: 0; display: grid; min-width: 250px; padding: var(--fnb-s1) 0; background: var(--fnb-bg); border: 1px solid var(--fnb-control); border-radius: var(--fnb-r2); }
.fnb-view:has(.fnb-menu) { overflow: visible; }
.fnb-item { display: flex; justify-content: space-between; gap: var(--fnb-s4); align-items: baseline; padding: 3px var(--fnb-s3); border: 0; background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; white-space: nowrap; }
.fnb-item:hover, .fnb-item:focus { background: var(--fnb-hover); }
.fnb-item code { font-size: var(--fnb-fs-0); }
.fnb-keys { display: flex; flex-wrap: wrap; gap: 2px var(--fnb-s4); flex: 0 0 100%; padding: 2px 0 var(--fnb-s1); }
.fnb-keys > div { display: flex; gap: var(--fnb-s1); align-items: center; }
.fnb-keys dt { display: inline-flex; gap: 2px; }
.fnb-foot:not(:has(*)) { display: none; }

/* Tree, further */
.fnb-tr.is-colhead > .is-name { padding-left: 38px; }
.fnb-tr { cursor: default; }
.fnb-tr > [role="gridcell"] { min-width: 0; }
.fnb-tw:has(.fnb-i) { cursor: pointer; }
.fnb-tree.is-virtual > .fnb-rows { position: relative; height: 480px; overflow-y: auto; overflow-anchor: none; }
.fnb-tree.is-virtual .fnb-rows > .fnb-tr { position: absolute; left: 0; right: 0; height: var(--fnb-row); }
.fnb-tree.is-virtual .fnb-tr[aria-selected="true"] > .fnb-clip { white-space: nowrap; padding: 0; }
.fnb-share { display: block; height: 6px; border-radius: 3px; background: var(--fnb-track); overflow: hidden; }
.fnb-share > i { display: block; height: 100%; width: var(--w); background: var(--fnb-fill-running); transition: width var(--fnb-fast) linear; }
.fnb-shares { display: flex; gap: 1px; height: 8px; }
.fnb-shares > i { min-width: 3px; background: var(--f); }
.fnb-fan { padding-bottom: var(--fnb-s1); border-bottom: 1px solid var(--fnb-hair); }
.fnb-raster { cursor: crosshair; }
.fnb-count { border: 0; background: none; color: inherit; font: inherit; padding: 1px 4px; margin: 0 -4px; border-radius: var(--fnb-r1); cursor: pointer; }
.fnb-count:hover { background: var(--fnb-hover); }
.fnb-count[aria-pressed="true"] { background: var(--fnb-track); font-weight: 600; }
.fnb-cause { display: grid; grid-template-columns: minmax(0, 1.6fr) 36px minmax(0, 1.5fr) minmax(0, 160px); gap: var(--fnb-s3); align-items: center; min-height: var(--fnb-row); }
.fnb-cause:hover { background: var(--fnb-hover); }
.fnb-causename { display: flex; gap: 6px; align-items: center; min-width: 0; border: 0; background: none; padding: 0; color: inherit; font: inherit; text-align: left; cursor: pointer; }
.fnb-causename > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fnb-detail > .fnb-row > .fnb-acts .fnb-btn { height: 20px; }
.fnb-detail .fnb-kv { padding-left: 24px; }

/* Failure, further */
.fnb-frames > li + li { margin-top: var(--fnb-s1); }
.fnb-frames > li { overflow-wrap: anywhere; }
.fnb-frames .fnb-code { padding: 0; margin-top: 2px; }
.fnb-frames .fnb-code > div { min-width: 0; grid-template-columns: 40px minmax(0, 1fr); white-space: pre-wrap; }
.fnb-stack { grid-template-columns: minmax(0, 1fr); }
.fnb-two > * { min-width: 0; }
.fnb-fail .fnb-table th { white-space: nowrap; width: 1%; }
.fnb-fail .fnb-table td { overflow-wrap: anywhere; }
fieldset.fnb-field { border: 0; margin: 0; padding: 0; min-width: 0; }
fieldset.fnb-field > legend { float: left; padding: 0; }
.fnb-field > .fnb-input { max-width: 320px; }
.fnb-field input[type="radio"] { margin: 0 2px 0 0; vertical-align: -2px; accent-color: var(--fnb-primary); }
.fnb-input[aria-invalid] { border-color: var(--fnb-failed); }

/* Narrow: the cell decides */
@container (max-width: 620px) {
  .fnb-tree { --cols: minmax(0, 1fr) auto 58px; }
  .fnb-tr > .w-wide { display: none; }
  .fnb-say2 { display: block; }
  .fnb-tr:has(.fnb-say2) { padding-top: 2px; }
  .fnb-head { flex-wrap: wrap; gap: 0 var(--fnb-s2); padding-top: 4px; padding-bottom: 6px; }
  .fnb-facts { order: 9; flex: 0 0 100% !important; padding-left: 62px; white-space: normal; }
  .fnb-tabs { -webkit-mask-image: linear-gradient(to right, #000 calc(100% - 32px), transparent); mask-image: linear-gradient(to right, #000 calc(100% - 32px), transparent); padding-right: 32px; }
  .fnb-acts .is-text { display: none; }
  .fnb-head .fnb-badge { order: 10; margin: 3px 0 0 62px; }
  .fnb-foot.is-quiet { display: none; }
  .fnb-say2 .fnb-mini, .fnb-say2 .fnb-shares { display: flex; margin: 2px 0; }
  .fnb-fan { padding-bottom: var(--fnb-s1); }
  .fnb-two { row-gap: var(--fnb-s3); }
  .fnb-two { grid-template-columns: minmax(0, 1fr); }
  .fnb-wide { display: none !important; }
  .fnb-field { grid-template-columns: 76px minmax(0, 1fr); }
  .fnb-cause { grid-template-columns: minmax(0, 1fr) 28px; }
  .fnb-cause > .w-wide { display: none; }
  .fnb-detail .fnb-kv { padding-left: 0; }
  .fnb-menu { position: fixed; right: 8px; top: auto; max-width: calc(100vw - 16px); }
  .fnb-item code { display: none; }
}
`,""]),r.d(e,{},{A:o})},4325(n,e,r){var a=r(1601),i=r.n(a),t=r(6314),o=(r.n(t))()(i());o.push([n.id,`/* Sidebar */
.fnb-side { background: var(--fnb-bg); height: 100%; border-right: 1px solid var(--fnb-line); }
.fnb-sec > h3 { display: flex; align-items: center; gap: var(--fnb-s1); height: 28px; padding: 0 var(--fnb-s2) 0 var(--fnb-s1); font-size: var(--fnb-fs-0); font-weight: 600; color: var(--fnb-text); border-top: 1px solid var(--fnb-hair); }
.fnb-sec > h3 .fnb-n { font-weight: 400; color: var(--fnb-text-2); min-width: 0; }
.fnb-sec-b { flex: none; }
.fnb-caption { margin: 0; padding: var(--fnb-s1) var(--fnb-s2) 2px 30px; font-size: var(--fnb-fs-0); color: var(--fnb-text-2); }
.fnb-sec > h3 .fnb-i { width: 12px; -webkit-mask-size: 12px; mask-size: 12px; background: var(--fnb-text-2); }
.fnb-sec > h3 .fnb-acts .fnb-i { width: 16px; -webkit-mask-size: 14px; mask-size: 14px; }
.fnb-li { display: grid; grid-template-columns: 16px minmax(0, 1fr) auto; column-gap: 6px; align-items: center; min-height: 24px; padding: 2px var(--fnb-s2) 2px calc(var(--fnb-s2) + var(--d, 0) * 16px); }
.fnb-li:hover { background: var(--fnb-hover); }
.fnb-li[aria-selected="true"] { background: var(--fnb-selected); }
.fnb-li > :nth-child(3) { color: var(--fnb-text-2); white-space: nowrap; display: flex; align-items: center; }
.fnb-li .fnb-btn { height: 20px; margin-right: -4px; }
.fnb-li > .fnb-sl { grid-column: 2 / -1; color: var(--fnb-text-2); font-size: var(--fnb-fs-0); line-height: 15px; padding-bottom: 2px; }
.fnb-li.is-hover { background: var(--fnb-hover); }
.fnb-side .s-wide { display: none; }
@container (min-width: 380px) { .fnb-side .s-wide { display: inline-block; } }
.fnb-li .fnb-i[data-u] { background: var(--fnb-text-2); }
.fnb-prog { grid-column: 2 / -1; height: 3px; border-radius: 2px; background: linear-gradient(to right, var(--fnb-fill-running) var(--w), var(--fnb-track) 0); margin-bottom: 5px; }
.fnb-in { padding: var(--fnb-s1) var(--fnb-s2) var(--fnb-s3) 30px; }
.fnb-own { display: flex; height: 8px; gap: 1px; border-radius: var(--fnb-r1); overflow: hidden; background: var(--fnb-track); }
.fnb-own i { width: var(--w); background: var(--fnb-neutral); }
.fnb-own i.is-run { background: var(--fnb-fill-running); }
.fnb-own i.is-kernel { background: repeating-linear-gradient(135deg, var(--fnb-neutral) 0 2px, transparent 2px 4px) , var(--fnb-track); }
.fnb-own i.is-other { background: var(--fnb-neutral); }
.fnb-dot { width: 6px; height: 6px; border-radius: 3px; background: var(--fnb-link); display: inline-block; vertical-align: 1px; margin-left: 5px; flex: none; }
.fnb-empty { padding: var(--fnb-s1) var(--fnb-s2) var(--fnb-s3) 30px; color: var(--fnb-text-2); }
.fnb-empty code { display: block; margin-top: var(--fnb-s1); background: var(--fnb-sunken); border-radius: var(--fnb-r1); padding: 3px var(--fnb-s2); color: var(--fnb-text); white-space: pre-wrap; overflow-wrap: anywhere; }
.fnb-form { margin: 0 var(--fnb-s2) var(--fnb-s2) 30px; padding: var(--fnb-s2); border: 1px solid var(--fnb-line); border-radius: var(--fnb-r2); display: grid; gap: var(--fnb-s2); }
.fnb-sw.is-run { --f: var(--fnb-fill-running); }
.fnb-sw.is-kernel { background: repeating-linear-gradient(135deg, var(--fnb-neutral) 0 2px, transparent 2px 4px), var(--fnb-track); }
.fnb-sw.is-other { --f: var(--fnb-neutral); }
`,""]),r.d(e,{},{A:o})},6430(n,e,r){var a=r(1601),i=r.n(a),t=r(6314),o=r.n(t),f=r(4417),b=r.n(f),s=new URL(r(9057),r.b),l=new URL(r(6136),r.b),d=new URL(r(7539),r.b),p=new URL(r(2001),r.b),c=new URL(r(3241),r.b),g=new URL(r(5789),r.b),v=new URL(r(1656),r.b),h=new URL(r(8290),r.b),u=new URL(r(1295),r.b),x=new URL(r(7530),r.b),m=new URL(r(7451),r.b),w=new URL(r(4455),r.b),k=new URL(r(5559),r.b),y=new URL(r(8759),r.b),C=new URL(r(5283),r.b),E=new URL(r(6028),r.b),j=new URL(r(768),r.b),z=new URL(r(7140),r.b),M=new URL(r(7339),r.b),A=new URL(r(1801),r.b),L=new URL(r(1645),r.b),R=new URL(r(8317),r.b),T=new URL(r(1966),r.b),B=o()(i()),U=b()(s),$=b()(l),S=b()(d),I=b()(p),q=b()(c),_=b()(g),N=b()(v),H=b()(h),P=b()(u),F=b()(x),D=b()(m),G=b()(w),J=b()(k),O=b()(y),W=b()(C),Q=b()(E),V=b()(j),X=b()(z),K=b()(M),Y=b()(A),Z=b()(L),nn=b()(R),ne=b()(T);B.push([n.id,`/* flytenb design tokens. One line per token holds both values: light-dark(light, dark), resolved by color-scheme on .fnb.
   Surfaces, text, borders, type come from JupyterLab's --jp-* variables (fallbacks: its default light and dark themes).
   Phase colours are ours: --jp-success-color1 (#4caf50) is 2.8:1 on white, so it cannot carry text. */

.fnb { color-scheme: light; }
[data-jp-theme-light="false"] .fnb { color-scheme: dark; }
@media (prefers-color-scheme: dark) { body:not([data-jp-theme-light]) .fnb { color-scheme: dark; } } /* engine page, saved HTML */

.fnb {
  /* space: 4 px grid, 2 px only inside a glyph group */
  --fnb-s0: 2px; --fnb-s1: 4px; --fnb-s2: 8px; --fnb-s3: 12px; --fnb-s4: 16px; --fnb-s5: 24px;
  --fnb-row: 24px;      /* tree, timeline, list rows */
  --fnb-bar: 32px;      /* tabs, toolbars */
  --fnb-head: 36px;     /* header of a view */

  /* type: four sizes, two weights (400, 600), one mono */
  --fnb-font: var(--jp-ui-font-family, system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif);
  --fnb-mono: var(--jp-code-font-family, Menlo, Consolas, "DejaVu Sans Mono", monospace);
  --fnb-fs-0: 11px;     /* column heads, axis, badges */
  --fnb-fs-1: 12px;     /* rows, code, secondary */
  --fnb-fs-2: var(--jp-ui-font-size1, 13px);  /* names, prose */
  --fnb-fs-3: 15px;     /* the error message, the prompt of a condition: one per view at most */
  --fnb-lh-0: 14px; --fnb-lh-1: 18px; --fnb-lh-2: 20px;

  --fnb-r1: var(--jp-border-radius, 2px);  /* bars, cells, badges, inputs */
  --fnb-r2: 4px;                           /* the frame, buttons */

  /* surfaces and text */
  --fnb-bg: var(--jp-layout-color1, light-dark(#ffffff, #212121));
  --fnb-sunken: light-dark(#f6f7f8, #1a1a1b);
  --fnb-hover: light-dark(rgba(0,0,0,.04), rgba(255,255,255,.05));
  --fnb-selected: light-dark(rgba(11,92,196,.08), rgba(79,157,255,.16));
  --fnb-line: var(--jp-border-color2, light-dark(#e0e0e0, #424242));   /* frame */
  --fnb-hair: light-dark(rgba(0,0,0,.08), rgba(255,255,255,.10));      /* inner rules */
  --fnb-control: light-dark(#8a9097, #7d848c);                         /* borders of inputs and buttons: 3:1 */
  --fnb-text: var(--jp-ui-font-color1, light-dark(rgba(0,0,0,.87), rgba(255,255,255,.87)));
  --fnb-text-2: color-mix(in srgb, var(--fnb-text) 72%, transparent);  /* AA on every surface; --jp-ui-font-color2 is not */
  --fnb-link: light-dark(#0b5cc4, #82b8ff);
  --fnb-focus: light-dark(#0b5cc4, #82b8ff);
  --fnb-primary: #0b5cc4; --fnb-on-primary: #ffffff;
  --fnb-neutral: light-dark(#9aa3ad, #6d757e);      /* meters, sparklines, raster outlines */
  --fnb-track: light-dark(#eceef0, #33373b);

  /* phases, text and glyph (contrast on --fnb-bg light / dark in README) */
  --fnb-queued: light-dark(#646d77, #949da7);
  --fnb-waiting: light-dark(#8a6300, #f2c037);
  --fnb-initializing: light-dark(#1f7296, #6cc5dc);
  --fnb-running: light-dark(#0b5cc4, #4f9dff);
  --fnb-paused: light-dark(#49208f, #d8bcff);
  --fnb-succeeded: light-dark(#0a5a46, #86e8c2);
  --fnb-cached: light-dark(#1f7768, #84b3a4);
  --fnb-failed: light-dark(#a3121f, #ff7975);
  --fnb-aborted: light-dark(#30363d, #c9ced4);
  --fnb-timed-out: light-dark(#6b2a00, #ffa05c);

  /* phases, fill: bars, raster cells. Never text. FAILED and RUNNING are the only saturated ones. */
  --fnb-fill-queued: light-dark(#e2e5e8, #3b4046);
  --fnb-fill-waiting: light-dark(#e3bb4c, #a97c16);
  --fnb-fill-initializing: light-dark(#9fc4e6, #33699c);
  --fnb-fill-running: light-dark(#0b5cc4, #4f9dff);
  --fnb-fill-paused: light-dark(#8a63c9, #b58cf0);
  --fnb-fill-succeeded: light-dark(#93c8b6, #2f7f66);
  --fnb-fill-cached: light-dark(#d5e9e2, #27483e);
  --fnb-fill-failed: light-dark(#a3121f, #ff6461);
  --fnb-fill-aborted: light-dark(#8d959d, #747b83);
  --fnb-fill-timed-out: light-dark(#6b2a00, #ffa05c);
  --fnb-tint-failed: light-dark(#fdf3f3, #2b1d1e);
  --fnb-tint-paused: light-dark(#f7f4fc, #26222d);

  /* motion */
  --fnb-fast: 120ms;
}

/* data-phase on any element sets its colour, fill and glyph */
.fnb [data-phase="queued"] { --c: var(--fnb-queued); --f: var(--fnb-fill-queued); --i: var(--fnb-i-queued); }
.fnb [data-phase="waiting_for_resources"] { --c: var(--fnb-waiting); --f: var(--fnb-fill-waiting); --i: var(--fnb-i-waiting); }
.fnb [data-phase="initializing"] { --c: var(--fnb-initializing); --f: var(--fnb-fill-initializing); --i: var(--fnb-i-initializing); }
.fnb [data-phase="running"] { --c: var(--fnb-running); --f: var(--fnb-fill-running); --i: var(--fnb-i-running); }
.fnb [data-phase="paused"] { --c: var(--fnb-paused); --f: var(--fnb-fill-paused); --i: var(--fnb-i-paused); }
.fnb [data-phase="succeeded"] { --c: var(--fnb-succeeded); --f: var(--fnb-fill-succeeded); --i: var(--fnb-i-succeeded); }
.fnb [data-phase="cached"] { --c: var(--fnb-cached); --f: var(--fnb-fill-cached); --i: var(--fnb-i-cached); }
.fnb [data-phase="recovered"] { --c: var(--fnb-cached); --f: var(--fnb-fill-cached); --i: var(--fnb-i-cached); }
.fnb [data-phase="failed"] { --c: var(--fnb-failed); --f: var(--fnb-fill-failed); --i: var(--fnb-i-failed); }
.fnb [data-phase="aborted"] { --c: var(--fnb-aborted); --f: var(--fnb-fill-aborted); --i: var(--fnb-i-aborted); }
.fnb [data-phase="timed_out"] { --c: var(--fnb-timed-out); --f: var(--fnb-fill-timed-out); --i: var(--fnb-i-timed-out); }
.fnb [data-phase="not_started"] { --c: var(--fnb-text-2); --f: var(--fnb-fill-queued); --i: var(--fnb-i-expected); }

/* glyphs: 16 px box, 1.5 px stroke; shape alone tells the phase (filled = needs attention, hollow = not yet, open check = done) */
.fnb {
  --fnb-i-queued: url(${U});
  --fnb-i-waiting: url(${$});
  --fnb-i-initializing: url(${S});
  --fnb-i-running: url(${I});
  --fnb-i-paused: url(${q});
  --fnb-i-succeeded: url(${_});
  --fnb-i-cached: url(${N});
  --fnb-i-failed: url(${H});
  --fnb-i-aborted: url(${P});
  --fnb-i-timed-out: url(${F});
  --fnb-i-expected: url(${D});
  --fnb-u-warn: url(${G});
  --fnb-u-open: url(${J});
  --fnb-u-down: url(${O});
  --fnb-u-more: url(${W});
  --fnb-u-rerun: url(${Q});
  --fnb-u-search: url(${V});
  --fnb-u-trace: url(${X});
  --fnb-u-group: url(${K});
  --fnb-u-pin: url(${Y});
  --fnb-u-play: url(${Z});
  --fnb-u-close: url(${nn});
  --fnb-u-gpu: url(${ne});
}
.fnb-i { display: inline-block; flex: none; width: 16px; height: 16px; background: var(--c, currentColor); -webkit-mask: var(--i) center / 16px no-repeat; mask: var(--i) center / 16px no-repeat; vertical-align: -3px; }
.fnb-i[data-u="warn"] { --i: var(--fnb-u-warn); }
.fnb-i[data-u="open"] { --i: var(--fnb-u-open); }
.fnb-i[data-u="down"] { --i: var(--fnb-u-down); }
.fnb-i[data-u="more"] { --i: var(--fnb-u-more); }
.fnb-i[data-u="rerun"] { --i: var(--fnb-u-rerun); }
.fnb-i[data-u="search"] { --i: var(--fnb-u-search); }
.fnb-i[data-u="trace"] { --i: var(--fnb-u-trace); }
.fnb-i[data-u="group"] { --i: var(--fnb-u-group); }
.fnb-i[data-u="pin"] { --i: var(--fnb-u-pin); }
.fnb-i[data-u="play"] { --i: var(--fnb-u-play); }
.fnb-i[data-u="close"] { --i: var(--fnb-u-close); }
.fnb-i[data-u="gpu"] { --i: var(--fnb-u-gpu); }
.fnb-i[data-phase="running"] { animation: fnb-turn 1.6s linear infinite; }
@keyframes fnb-turn { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { .fnb-i { animation: none !important; } }
@media (forced-colors: active) {
  .fnb-i { background: CanvasText; forced-color-adjust: none; }
  .fnb-dur, .fnb-mini i, .fnb-sw, .fnb-share, .fnb-shares > i, .fnb-meter > i, .fnb-seg { forced-color-adjust: none; }
  .fnb-tab[aria-selected="true"]::after { background: Highlight; forced-color-adjust: none; }
  .fnb-tr[aria-selected="true"], .fnb-tlr.is-sel { outline: 2px solid Highlight; outline-offset: -2px; }
  .fnb a, .fnb .fnb-link { color: LinkText; }
}
`,""]),r.d(e,{},{A:B})},6314(n){n.exports=function(n){var e=[];return e.toString=function(){return this.map(function(e){var r="",a=void 0!==e[5];return e[4]&&(r+="@supports (".concat(e[4],") {")),e[2]&&(r+="@media ".concat(e[2]," {")),a&&(r+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),r+=n(e),a&&(r+="}"),e[2]&&(r+="}"),e[4]&&(r+="}"),r}).join("")},e.i=function(n,r,a,i,t){"string"==typeof n&&(n=[[null,n,void 0]]);var o={};if(a)for(var f=0;f<this.length;f++){var b=this[f][0];null!=b&&(o[b]=!0)}for(var s=0;s<n.length;s++){var l=[].concat(n[s]);a&&o[l[0]]||(void 0!==t&&(void 0===l[5]||(l[1]="@layer".concat(l[5].length>0?" ".concat(l[5]):""," {").concat(l[1],"}")),l[5]=t),r&&(l[2]&&(l[1]="@media ".concat(l[2]," {").concat(l[1],"}")),l[2]=r),i&&(l[4]?(l[1]="@supports (".concat(l[4],") {").concat(l[1],"}"),l[4]=i):l[4]="".concat(i)),e.push(l))}},e}},4417(n){n.exports=function(n,e){return(e||(e={}),n&&(n=String(n.__esModule?n.default:n),/^['"].*['"]$/.test(n)&&(n=n.slice(1,-1)),e.hash&&(n+=e.hash),/["'() \t\n]|(%20)/.test(n)||e.needQuotes))?'"'.concat(n.replace(/"/g,'\\"').replace(/\n/g,"\\n"),'"'):n}},1601(n){n.exports=function(n){return n[1]}},5072(n){var e=[];function r(n){for(var r=-1,a=0;a<e.length;a++)if(e[a].identifier===n){r=a;break}return r}function a(n,a){for(var i={},t=[],o=0;o<n.length;o++){var f=n[o],b=a.base?f[0]+a.base:f[0],s=i[b]||0,l="".concat(b," ").concat(s);i[b]=s+1;var d=r(l),p={css:f[1],media:f[2],sourceMap:f[3],supports:f[4],layer:f[5]};if(-1!==d)e[d].references++,e[d].updater(p);else{var c=function(n,e){var r=e.domAPI(e);return r.update(n),function(e){e?(e.css!==n.css||e.media!==n.media||e.sourceMap!==n.sourceMap||e.supports!==n.supports||e.layer!==n.layer)&&r.update(n=e):r.remove()}}(p,a);a.byIndex=o,e.splice(o,0,{identifier:l,updater:c,references:1})}t.push(l)}return t}n.exports=function(n,i){var t=a(n=n||[],i=i||{});return function(n){n=n||[];for(var o=0;o<t.length;o++){var f=r(t[o]);e[f].references--}for(var b=a(n,i),s=0;s<t.length;s++){var l=r(t[s]);0===e[l].references&&(e[l].updater(),e.splice(l,1))}t=b}}},7659(n){var e={};n.exports=function(n,r){var a=function(n){if(void 0===e[n]){var r=document.querySelector(n);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(n){r=null}e[n]=r}return e[n]}(n);if(!a)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");a.appendChild(r)}},540(n){n.exports=function(n){var e=document.createElement("style");return n.setAttributes(e,n.attributes),n.insert(e,n.options),e}},5056(n,e,r){n.exports=function(n){var e=r.nc;e&&n.setAttribute("nonce",e)}},7825(n){n.exports=function(n){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=n.insertStyleElement(n);return{update:function(r){var a,i,t;a="",r.supports&&(a+="@supports (".concat(r.supports,") {")),r.media&&(a+="@media ".concat(r.media," {")),(i=void 0!==r.layer)&&(a+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),a+=r.css,i&&(a+="}"),r.media&&(a+="}"),r.supports&&(a+="}"),(t=r.sourceMap)&&"u">typeof btoa&&(a+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(t))))," */")),n.styleTagTransform(a,e,n.options)},remove:function(){var n;null===(n=e).parentNode||n.parentNode.removeChild(n)}}}},1113(n){n.exports=function(n,e){if(e.styleSheet)e.styleSheet.cssText=n;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(n))}}},6636(n,e,r){var a=r(5072),i=r.n(a),t=r(7825),o=r.n(t),f=r(7659),b=r.n(f),s=r(5056),l=r.n(s),d=r(540),p=r.n(d),c=r(1113),g=r.n(c),v=r(6430),h={};h.styleTagTransform=g(),h.setAttributes=l(),h.insert=b().bind(null,"head"),h.domAPI=o(),h.insertStyleElement=p(),i()(v.A,h),v.A&&v.A.locals&&v.A.locals;var u=r(1745),x={};x.styleTagTransform=g(),x.setAttributes=l(),x.insert=b().bind(null,"head"),x.domAPI=o(),x.insertStyleElement=p(),i()(u.A,x),u.A&&u.A.locals&&u.A.locals;var m=r(6531),w={};w.styleTagTransform=g(),w.setAttributes=l(),w.insert=b().bind(null,"head"),w.domAPI=o(),w.insertStyleElement=p(),i()(m.A,w),m.A&&m.A.locals&&m.A.locals;var k=r(4325),y={};y.styleTagTransform=g(),y.setAttributes=l(),y.insert=b().bind(null,"head"),y.domAPI=o(),y.insertStyleElement=p(),i()(k.A,y),k.A&&k.A.locals&&k.A.locals;var C=r(247),E={};E.styleTagTransform=g(),E.setAttributes=l(),E.insert=b().bind(null,"head"),E.domAPI=o(),E.insertStyleElement=p(),i()(C.A,E),C.A&&C.A.locals&&C.A.locals},768(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%277%27 cy=%277%27 r=%273.75%27/%3E%3Cpath d=%27M10 10l3.25 3.25%27/%3E%3C/svg%3E"},7451(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%278%27 cy=%278%27 r=%275.25%27 stroke-dasharray=%272.1 2.02%27/%3E%3C/svg%3E"},9057(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%278%27 cy=%278%27 r=%275.25%27/%3E%3C/svg%3E"},7539(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%278%27 cy=%278%27 r=%275.25%27/%3E%3Cpath d=%27M3.2 8a4.8 4.8 0 0 0 9.6 0z%27 fill=%27%23000%27 stroke=%27none%27/%3E%3C/svg%3E"},1295(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%278%27 cy=%278%27 r=%275.25%27/%3E%3Cpath d=%27M4.4 11.6 11.6 4.4%27/%3E%3C/svg%3E"},3241(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Ccircle cx=%278%27 cy=%278%27 r=%275.25%27/%3E%3Cpath d=%27M6.4 5.9v4.2M9.6 5.9v4.2%27/%3E%3C/svg%3E"},6028(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M12.5 9.75A5 5 0 1 1 13 7.5M12.75 3v3.4h-3.4%27/%3E%3C/svg%3E"},1966(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M2.5 4.5h11v7h-11zM5 2.5v2M8 2.5v2M11 2.5v2M5 11.5v2M8 11.5v2M11 11.5v2%27/%3E%3C/svg%3E"},7339(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M3 4.25h10M3 8h10M3 11.75h10%27/%3E%3C/svg%3E"},5789(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M3.25 8.5 6.5 11.75 12.75 4.5%27 stroke-width=%271.75%27/%3E%3C/svg%3E"},1656(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M3.5 6.25A5 5 0 1 1 3 8.5M3.25 3v3.4h3.4%27/%3E%3C/svg%3E"},5283(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M3.5 8h.01M8 8h.01M12.5 8h.01%27 stroke-width=%272.2%27/%3E%3C/svg%3E"},6136(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M4 2.75h8M4 13.25h8M5 2.75v2L8 8l3-3.25v-2M5 13.25v-2L8 8l3 3.25v2%27/%3E%3C/svg%3E"},7140(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M4 3v6.5h8M9.5 7 12 9.5 9.5 12%27/%3E%3C/svg%3E"},8317(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M4 4l8 8M12 4l-8 8%27/%3E%3C/svg%3E"},8759(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M4 6l4 4 4-4%27/%3E%3C/svg%3E"},1645(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M5 3.5v9l7-4.5z%27 fill=%27%23000%27 stroke-linejoin=%27round%27/%3E%3C/svg%3E"},5559(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M6 4l4 4-4 4%27/%3E%3C/svg%3E"},1801(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M8 10v3.5M5 2.5h6M6 2.5v4L4.25 10h7.5L10 6.5v-4%27/%3E%3C/svg%3E"},4455(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M8 2.5 14 13H2zM8 6.75v2.75M8 11.4h.01%27/%3E%3C/svg%3E"},2001(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M8 2.75A5.25 5.25 0 1 1 2.75 8%27/%3E%3Ccircle cx=%278%27 cy=%278%27 r=%271.9%27 fill=%27%23000%27 stroke=%27none%27/%3E%3C/svg%3E"},8290(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5.2 6.26 6.26 5.2 8 6.94 9.74 5.2l1.06 1.06L9.06 8l1.74 1.74-1.06 1.06L8 9.06 6.26 10.8 5.2 9.74 6.94 8z%27 fill=%27%23000%27 stroke=%27none%27 fill-rule=%27evenodd%27/%3E%3C/svg%3E"},7530(n){n.exports="data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27 viewBox=%270 0 16 16%27 fill=%27none%27 stroke=%27%23000%27 stroke-width=%271.5%27 stroke-linecap=%27round%27 stroke-linejoin=%27round%27%3E%3Cpath d=%27M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM7.25 4.5h1.5v3.2l2.2 2.2-1.05 1.05L7.25 8.3z%27 fill=%27%23000%27 stroke=%27none%27 fill-rule=%27evenodd%27/%3E%3C/svg%3E"}}]);