/// A page of its own: style, sections and script in one file, which may load nothing from anywhere.
package struct HTMLPage {
    let title: String
    let sections: [String]

    package init(title: String, sections: [String]) {
        self.title = title
        self.sections = sections
    }

    package var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
        style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <link rel="icon" href="data:,">
        <title>\(escaped(title))</title>
        <style>
        \(ReportAssets.style)
        </style>
        </head>
        <body>
        <main>
        <h1>\(escaped(title))</h1>
        \(sections.joined(separator: "\n"))
        </main>
        <script>
        \(ReportAssets.script)
        </script>
        </body>
        </html>

        """
    }
}

/// Text for HTML and its attributes.
package func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;")
}
