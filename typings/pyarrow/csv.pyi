from collections.abc import Mapping, Sequence

from . import DataType, Table

class ConvertOptions:
    def __init__(
        self,
        *,
        column_types: Mapping[str, DataType] = ...,
        strings_can_be_null: bool = ...,
        null_values: Sequence[str] = ...,
    ) -> None: ...

def read_csv(input_file: str, *, convert_options: ConvertOptions = ...) -> Table: ...
def write_csv(data: Table, output_file: str) -> None: ...
