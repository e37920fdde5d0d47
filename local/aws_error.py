"""The one way in which a local part refuses a request."""


class AwsError(Exception):
    """An error as an AWS service answers it.

    `code` is the service's own name of it (such as `ResourceNotFoundException`), `status` HTTP's.
    """

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
