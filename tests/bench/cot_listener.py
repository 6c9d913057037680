"""A pytak client that prints each event that it receives as a line; started by `cot_cases.Listener`."""

import asyncio
import configparser
import json
import sys

import pytak

PING = (
    b'<event version="2.0" uid="listener" type="t-x-c-t" how="m-g" time="2026-11-22T08:49:14Z" '
    b'start="2026-11-22T08:49:14Z" stale="2036-11-22T08:49:14Z">'
    b'<point lat="0" lon="0" hae="0" ce="9999999" le="9999999"/><detail/></event>'
)


class Printer(pytak.QueueWorker):
    """Prints what pytak put in its queue."""

    async def handle_data(self, data):
        print(b" ".join(data.split(b"\n")).decode().strip(), flush=True)

    async def run(self, _=-1):
        while True:
            await self.handle_data(await self.queue.get())


async def main():
    parser = configparser.ConfigParser()
    parser["listener"] = json.loads(sys.argv[1])
    tool = pytak.CLITool(parser["listener"])
    await tool.setup()
    tool.add_tasks({Printer(tool.rx_queue, parser["listener"])})
    await tool.tx_queue.put(PING)  # its answer says that the server knows us
    await tool.run()


asyncio.run(main())
