# The little of signxml.algorithms that Casemate uses.
from enum import Enum

class CanonicalizationMethod(Enum):
    EXCLUSIVE_XML_CANONICALIZATION_1_0 = "http://www.w3.org/2001/10/xml-exc-c14n#"

class DigestAlgorithm(Enum):
    SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

class SignatureMethod(Enum):
    ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"

class SignatureConstructionMethod(Enum):
    enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
