"""Words: the lists of the standards, of which none is a person's name. Nothing here but plain sets.

A step of a path, a parameter or a code stays only when it is on one of them (`models.template`,
`models.vocabulary`).
"""

from __future__ import annotations

import re


def listed(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


# FHIR R4 (http://hl7.org/fhir/R4/resourcelist.html): what a practice's data flows in, and what describes a server
RESOURCES = listed(
    """Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary BodyStructure
    Bundle CapabilityStatement CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression CodeSystem
    Communication CommunicationRequest Composition ConceptMap Condition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter Endpoint EnrollmentRequest
    EnrollmentResponse EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal Group GuidanceResponse
    HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation InsurancePlan
    Invoice Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration
    MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MessageHeader NutritionOrder
    Observation OperationDefinition OperationOutcome Organization OrganizationAffiliation Parameters Patient
    PaymentNotice PaymentReconciliation Person Practitioner PractitionerRole Procedure Provenance Questionnaire
    QuestionnaireResponse RelatedPerson RequestGroup RiskAssessment Schedule ServiceRequest Slot Specimen
    StructureDefinition Subscription Substance SupplyDelivery SupplyRequest Task ValueSet VisionPrescription"""
)
INTERACTIONS = listed("read vread search create update patch delete history operation request batch")

# Steps of a path and names of parameters that say nothing of anybody.
STEPS = listed(
    """api FHIR fhir R4 r4 STU3 DSTU2 v1 v2 v3 oauth oauth2 token auth authorize introspect revoke metadata
    .well-known smart-configuration openid-configuration jwks jwks.json interconnect Unity UnityService.svc json
    MagicJson GetToken RetireToken health healthz status _search _history $everything $export $match $validate
    $document $lastn $find $hold $book $process-message"""
)
PARAMETERS = listed(
    """_id _lastUpdated _tag _profile _security _count _sort _include _revinclude _summary _elements _format
    _total _since _type _page _getpages patient subject identifier name family given birthdate gender email phone
    telecom address date status category code type class period encounter practitioner performer author requester
    location organization service-type actor schedule slot start end intent medication authoredon clinical-status
    onset-date issued value-quantity recorded based-on part-of page limit offset cursor per_page since until
    grant_type client_id scope state format version"""
)

# HL7 v2.8, table 0076: types of messages that a practice exchanges
MESSAGES = listed(
    """ACK ADT BAR CRM CSU DFT DOC EAN EAR ESR MCF MDM MFK MFN NMD OMB OMD OMG OMI OML OMN OMP OMS ORB ORD ORF ORG
    ORI ORL ORM ORN ORP ORR ORS ORU OSR OUL PEX PGL PIN PMU PPG PPP PPR PPT PPV PRR PTR QBP QCK QRY QSB RAR RAS RCI
    RCL RDE RDR RDS RDY REF RER RGR RGV ROR RPA RPI RPL RPR RQA RQC RQI RQP RRA RRD RRE RRG RRI RSP SIU SQM SQR SRM
    SRR SUR UDM VXQ VXR VXU VXX"""
)
TRIGGER = re.compile(r"[A-Z][0-9]{2}")  # of HL7 v2, e.g. A01

METRICS = listed(
    """cursor_lag_s cursor_position backlog queue_depth queue_oldest_age_s pool_in_use pool_idle pool_waiting
    pool_size pool_wait_ms consumer_lag connections cpu_share memory_bytes memory_share disk_share disk_free_bytes
    restarts retries dropped batch_size"""
)
