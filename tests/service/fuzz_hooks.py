"""What schemathesis makes up for files: pictures and masks, and now and then bytes that are none.

Also for longer runs, against a service with narrow limits:

    inpaintx serve --most-iterations 3 --most-candidates 4 --most-starts 16 --megapixels 0.1
    SCHEMATHESIS_HOOKS=fuzz_hooks PYTHONPATH=tests/service st run http://127.0.0.1:8765/openapi.json \\
        --exclude-checks positive_data_acceptance --max-time 600

That check would have every form accepted whose fields are as described: no description can say that the mask
is of the picture's size, or that it hides something.
"""

import numpy as np
import schemathesis
from hypothesis import strategies
from service_cases import hole, png, shape

_FILES = [*(png(shape(number)) for number in range(3)), png(hole()), png(np.dstack([shape(), 255 - hole()]))]
_files = strategies.sampled_from(_FILES)
schemathesis.openapi.format("binary", strategies.one_of(_files, _files, strategies.binary(max_size=200)))
