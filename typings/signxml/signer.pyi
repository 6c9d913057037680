# The little of signxml.signer that Casemate uses, typed: its own types are partly unknown.
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate
from lxml.etree import Element
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod

class XMLSigner:
    def __init__(
        self,
        method: SignatureConstructionMethod,
        signature_algorithm: SignatureMethod,
        digest_algorithm: DigestAlgorithm,
        c14n_algorithm: CanonicalizationMethod,
    ) -> None: ...
    def sign(self, data: Element, *, key: EllipticCurvePrivateKey, cert: list[Certificate]) -> Element: ...
