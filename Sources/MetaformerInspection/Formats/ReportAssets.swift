/// The report's style and script.
package enum ReportAssets {
    /// Series of a chart that can be told apart: s0, s1, … of the style.
    package static let seriesCount = 8

    static let style = """
        :root { color-scheme: light dark; --ink: #1d2228; --soft: #59626d; --rule: #d5dae0; --page: #ffffff; --raised: #f5f7f9;
          --wrong: #b3261e; --s0: #0b5cad; --s1: #c2410c; --s2: #157347; --s3: #7a3b9d; --s4: #8a6100; --s5: #4a5560;
          --s6: #00706b; --s7: #a3195b; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #a3adb8; --rule: #3a424b; --page: #14181c;
          --raised: #1d2328; --wrong: #ff8a80; --s0: #6cb2ff; --s1: #ff9b63; --s2: #5fd39a; --s3: #cf9bf0; --s4: #e4bd55;
          --s5: #b4bec9; --s6: #4fd1c5; --s7: #ff8fc0; } }
        @media print { :root { color-scheme: light; --ink: #000; --soft: #333; --rule: #bbb; --page: #fff; --raised: #fff;
          --wrong: #900; --s0: #0b5cad; --s1: #c2410c; --s2: #157347; --s3: #7a3b9d; --s4: #8a6100; --s5: #4a5560;
          --s6: #00706b; --s7: #a3195b; }
          .gallery li, .chart, tr { break-inside: avoid; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 1160px; margin: 0 auto; padding: 24px 20px 64px; }
        h1 { font-size: 26px; margin: 0 0 8px; } h2 { font-size: 20px; margin: 32px 0 10px; } h3 { font-size: 16px; margin: 24px 0 6px; }
        summary { cursor: pointer; } summary h2 { display: inline-block; margin: 22px 0 8px 4px; }
        .note, .order, figcaption, .path { color: var(--soft); font-size: 13px; }
        .scroll { overflow-x: auto; }
        :focus-visible { outline: 2px solid var(--s0); outline-offset: 2px; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
        th, td { padding: 5px 11px 5px 0; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
        th { color: var(--soft); font-weight: 600; font-size: 13px; } th.name, td.name { text-align: left; }
        .charts { display: flex; flex-wrap: wrap; gap: 18px; }
        figure { margin: 0; } .chart { width: 330px; } .chart > svg { width: 100%; height: auto; display: block; }
        .chart figcaption { text-align: center; }
        .legend { list-style: none; margin: 0 0 2px 46px; padding: 0; display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12px; }
        .legend svg { width: 26px; height: 12px; vertical-align: -1px; }
        .axis { stroke: var(--soft); } .grid { stroke: var(--rule); }
        .tick, .label { fill: var(--soft); font-size: 11px; } .label { font-size: 12px; }
        .middle { text-anchor: middle; } .end { text-anchor: end; }
        .mark { stroke: var(--ink); stroke-dasharray: 4 3; }
        .line { fill: none; stroke-width: 2; stroke: var(--c); } .dot { fill: var(--c); }
        .bar { fill: var(--c); fill-opacity: .55; stroke: var(--c); stroke-width: .75; }
        .s0 { --c: var(--s0); } .s1 { --c: var(--s1); stroke-dasharray: 7 3; } .s2 { --c: var(--s2); stroke-dasharray: 2 3; }
        .s3 { --c: var(--s3); stroke-dasharray: 9 3 2 3; } .s4 { --c: var(--s4); stroke-dasharray: 4 4; }
        .s5 { --c: var(--s5); stroke-dasharray: 14 4; } .s6 { --c: var(--s6); }
        .s7 { --c: var(--s7); stroke-dasharray: 12 3 2 3 2 3; }
        .solid, .bar, .dot { stroke-dasharray: none; }
        .gallery { list-style: none; padding: 0; margin: 0; display: grid; gap: 12px; }
        .gallery li { background: var(--raised); border: 1px solid var(--rule); border-left: 4px solid var(--s2);
          border-radius: 4px; padding: 8px 12px; }
        .gallery li.wrong { border-left-color: var(--wrong); } .wrong b { color: var(--wrong); }
        .inspected { grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); }
        .inspected img { display: block; max-width: 100%; height: auto; }
        .gallery p { margin: 0 0 6px; } .path { overflow-wrap: anywhere; }
        .panels { display: flex; flex-wrap: wrap; gap: 10px; } .panels img { display: block; image-rendering: auto; }
        .panels figcaption { text-align: center; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; } dt { color: var(--soft); }
        dd { margin: 0; overflow-wrap: anywhere; }
        @media print { .order { display: none; } main { padding: 0; } .scroll { overflow: visible; } table { font-size: 10px; }
          th { font-size: 9px; } th, td { padding: 3px 7px 3px 0; } .charts { gap: 8px; } .chart { width: 300px; } }
        @media (max-width: 600px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } }
        """

    static let script = """
        "use strict";
        for (const select of document.querySelectorAll("select[data-gallery]")) {
          select.addEventListener("change", () => {
            const list = document.getElementById(select.dataset.gallery);
            const key = { rank: (e) => +e.dataset.rank, descending: (e) => -e.dataset.score, ascending: (e) => +e.dataset.score };
            list.append(...[...list.children].sort((a, b) => key[select.value](a) - key[select.value](b)));
          });
        }
        addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });
        """
}
