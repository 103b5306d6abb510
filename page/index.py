"""The HTML file that Gradio serves, made our own: no addresses outside, our style and script in the head."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
_FOREIGN = re.compile(
    rb'<meta\s[^>]*(?:property="og:|name="twitter:)[^>]*>\s*|<link\s[^>]*(?:https?://|manifest)[^>]*>\s*|<script\s[^>]*src="https?://[^>]*></script>\s*'
)
_RESIZER = re.compile(rb"<script>\s*\(\(\) => \{\s*const root = .*?</script>", re.DOTALL)
HEAD = b"""<meta name="color-scheme" content="light dark" />
<meta name="description" content="Practise a system design interview: ten sections against the clock, with follow-up questions and a scorecard." />
<link rel="icon" href="page/icon.svg" type="image/svg+xml" />
<link rel="stylesheet" href="page/report.css" />
<link rel="stylesheet" href="page/style.css" />
<script src="page/page.js" defer></script>
</head>"""


def rewritten(html: bytes) -> bytes:
    """The index without previews, manifest and frame resizer, and with our own head."""
    return _RESIZER.sub(b"", _FOREIGN.sub(b"", html)).replace(b"</head>", HEAD, 1)
