"""The page about a run: live from a small server, or as one file.

    story       a record -> the plain values that the page draws
    standing    how good the winner is, beside what it was compared with
    document    puts frame (`page.html`), looks (`page.css`, `world.css`) and script together: one file, or what the
                server sends
    scripts     the script in parts, each using those before it: see `SCRIPTS` in `document`
    server      the live page: read-only, on the loopback address
    figures     the main plots as files for papers

Text of the data reaches the page as text nodes alone, and a browser runs nothing but the script. Start with `story`.
"""
